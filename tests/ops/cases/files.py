"""Files: images decoded and encoded, contents read. Decoders of JPEG may differ in a few levels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.ops.arrays import ints, sample, strings, u8
from tests.ops.case import Case, case, chain
from tests.ops.image_files import BMP, GIF, GREY_JPEG, GREY_PNG, JPEG, PNG, RGBA_PNG, WIDE_PNG

_LEVELS = 3
_VOCABULARY = str(Path(__file__).parent / "vocabulary.txt").encode()
_WRONG = (b"", b"no image", PNG[:20], JPEG[:30])


def _back(encode: str, decode: str, **attrs: Any) -> Callable[..., Any]:
    """What the encoder makes of an image, decoded: files may differ where images do not."""

    def encode_and_decode(tf: Any, image: Any) -> Any:
        made = getattr(tf.raw_ops, encode)(image=image, **attrs)
        return getattr(tf.raw_ops, decode)(contents=made, **({"dtype": image.dtype} if decode == "DecodePng" else {}))

    encode_and_decode.__name__ = f"encode_and_decode {attrs or ''}"
    return encode_and_decode


def _cases() -> Iterator[Case]:
    for contents in (JPEG, GREY_JPEG):
        for channels in (0, 1, 3):
            yield case("DecodeJpeg", strings(contents), channels=channels).within(_LEVELS)
        yield case("DecodeAndCropJpeg", strings(contents), ints(2, 1, 5, 4)).within(_LEVELS)
        for out in ("int32", "int64"):
            yield case("ExtractJpegShape", strings(contents), output_type=out)
    yield case("DecodeJpeg", strings(PNG))
    yield case("DecodeAndCropJpeg", strings(JPEG), ints(2, 1, 50, 4)).fails()
    for contents in (PNG, GREY_PNG, RGBA_PNG, WIDE_PNG):
        for channels in (0, 1, 3, 4):
            yield case("DecodePng", strings(contents), channels=channels)
        yield case("DecodePng", strings(contents), dtype="uint16")
        yield case("DecodeImage", strings(contents))
    yield case("DecodeBmp", strings(BMP))
    yield case("DecodeBmp", strings(BMP), channels=3)
    yield case("DecodeBmp", strings(BMP), channels=4)
    yield case("DecodeGif", strings(GIF))
    for contents in (JPEG, GIF, BMP):
        yield case("DecodeImage", strings(contents)).within(_LEVELS)
    yield case("DecodeImage", strings(GIF), expand_animations=False)
    for dtype in ("float32", "uint16"):
        yield case("DecodeImage", strings(PNG), dtype=dtype)
    yield case("DecodeImage", strings(GREY_PNG), channels=3)
    for wrong in _WRONG:
        for op in ("DecodeJpeg", "DecodePng", "DecodeBmp", "DecodeGif", "DecodeImage", "ExtractJpegShape"):
            if op == "DecodeBmp" or not (wrong in _WRONG[2:] and op == "ExtractJpegShape"):
                yield case(op, strings(wrong)).fails()
    for channels in (1, 2, 3, 4):
        for dtype in ("uint8", "uint16") if channels == 1 else ("uint8",):  # Pillow has no wider colours
            yield chain(
                ("EncodePng", "DecodePng"),
                _back("EncodePng", "DecodePng"),
                sample(dtype, 5, 4, channels, low=0, high=256),
            )
    yield chain(("EncodePng",), _back("EncodePng", "DecodePng", compression=9), u8(5, 4, 3, low=0, high=256))
    yield case("EncodePng", u8(5, 4)).fails()
    yield case("EncodePng", u8(5, 4, 5)).fails()
    for channels in (1, 3):
        made = _back("EncodeJpeg", "DecodeJpeg", quality=95, chroma_downsampling=False)
        yield chain(("EncodeJpeg",), made, u8(8, 8, channels, low=100, high=140)).within(2 * _LEVELS)
    yield case("EncodeJpeg", u8(8, 8, 2)).fails()
    yield case("EncodeJpeg", u8(8, 8)).fails()
    yield case("ReadFile", strings(_VOCABULARY))
    yield case("ReadFile", strings(_VOCABULARY + b".none")).fails()
    yield case("ReadFile", strings([_VOCABULARY])).fails()


CASES = list(_cases())
