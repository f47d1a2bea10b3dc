"""Tensor bundles: whole, in shards, in parts, and broken in every way that is cheap to make."""

from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from edgeload import dtypes
from edgeload.errors import CorruptModelError, InvalidGraphError, UnsupportedOpError
from edgeload.savedmodel import pieces, protos, table
from edgeload.savedmodel.bundle import Bundle
from edgeload.savedmodel.crc32c import crc32c, mask
from tests.savedmodel import bundle_writer as writer

ARRAYS = {
    "a/kernel": np.arange(6, dtype=np.float32).reshape(2, 3),
    "a/flag": np.array([True, False, True]),
    "b/unaligned": np.array([1.5, -2.5]),
    "b/scalar": np.array(7, np.int64),
    "c/empty": np.zeros((0, 3), np.float32),
    "c/complex": np.array([1 + 2j], np.complex64),
    "c/brain": np.array([1.5, 3.0], ml_dtypes.bfloat16),
}


def index_of(prefix: Path) -> Path:
    return Path(f"{prefix}.index")


def data_of(prefix: Path) -> Path:
    return Path(f"{prefix}.data-00000-of-00001")


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    writer.write(tmp_path / "variables", ARRAYS)
    return tmp_path / "variables"


@pytest.mark.parametrize("num_shards", [1, 3])
def test_numbers_of_all_kinds_are_read_as_written(tmp_path: Path, num_shards: int) -> None:
    writer.write(tmp_path / "variables", ARRAYS, num_shards)
    bundle = Bundle(tmp_path / "variables")
    assert bundle.keys() == sorted(ARRAYS)
    for name, expected in ARRAYS.items():
        value = bundle.read(name)
        assert bundle.spec(name) == (expected.dtype, expected.shape)
        np.testing.assert_array_equal(value, expected)
        assert value.dtype == expected.dtype
        assert not value.flags.writeable


def test_keys_are_looked_up_by_their_exact_name(prefix: Path) -> None:
    bundle = Bundle(prefix)
    assert "a/kernel" in bundle
    assert "a" not in bundle
    assert "" not in bundle
    with pytest.raises(KeyError, match="no tensor 'a'"):
        bundle.read("a")
    with pytest.raises(KeyError):
        bundle.spec("")


def test_reading_twice_gives_views_of_the_same_memory(prefix: Path) -> None:
    bundle = Bundle(prefix)
    assert np.shares_memory(bundle.read("a/kernel"), bundle.read("a/kernel"))


def test_a_value_outlives_its_bundle_and_its_release(prefix: Path) -> None:
    bundle = Bundle(prefix)
    value = bundle.read("a/kernel")
    bundle.release()
    del bundle
    np.testing.assert_array_equal(value, ARRAYS["a/kernel"])


def test_the_checksum_is_computed_once_for_each_tensor(prefix: Path) -> None:
    hashed: list[int] = []

    def counting_crc32c(buffer: memoryview) -> int:
        hashed.append(len(buffer))
        return crc32c(buffer)

    bundle = Bundle(prefix, counting_crc32c)
    hashed.clear()
    bundle.read("a/kernel")
    bundle.read("a/kernel")
    assert hashed == [24]


def test_strings_are_an_object_array_of_bytes(tmp_path: Path) -> None:
    strings = [b"", b"one", b"\xff\0", b"x" * 300]
    entry, stored = writer.string_entry(strings, offset=3)
    writer.write_files(tmp_path / "v", {b"words": entry}, [b"???" + stored])
    value = Bundle(tmp_path / "v").read("words")
    assert value.dtype == object
    assert value.tolist() == strings


@pytest.mark.parametrize("flipped", [0, 4, -1], ids=["length", "checksum of lengths", "content"])
def test_flipped_bit_in_strings_raises_corrupt_model_error(tmp_path: Path, flipped: int) -> None:
    entry, stored = writer.string_entry([b"one", b"two", b"three"], offset=0)
    broken = bytearray(stored)
    broken[flipped] ^= 1
    writer.write_files(tmp_path / "v", {b"words": entry}, [bytes(broken)])
    with pytest.raises(CorruptModelError, match=r"'words' in .*v\.data-00000-of-00001"):
        Bundle(tmp_path / "v").read("words")


def test_big_endian_values_are_swapped(tmp_path: Path) -> None:
    values = np.array([1.5, -2.0, 3.25], np.float32)
    numbers = np.array([1 + 2j, 3 - 4j], np.complex64)
    entries = {
        b"real": writer.entry(values, values.astype(">f4").tobytes(), 0),
        b"whole": writer.entry(numbers, numbers.astype(">c8").tobytes(), 12),
    }
    shard = values.astype(">f4").tobytes() + numbers.astype(">c8").tobytes()
    writer.write_files(tmp_path / "v", entries, [shard], endianness=1)
    bundle = Bundle(tmp_path / "v")
    np.testing.assert_array_equal(bundle.read("real"), values)
    np.testing.assert_array_equal(bundle.read("whole"), numbers)


def test_big_endian_strings_have_their_lengths_hashed_in_that_order(tmp_path: Path) -> None:
    strings = [b"one", b"", b"three" * 30]
    hashed = b"".join(len(string).to_bytes(4, "big") for string in strings)
    checksum = mask(crc32c(hashed)).to_bytes(4, "big")
    joined = b"".join(strings)
    stored = b"".join(writer.varint(len(string)) for string in strings) + checksum + joined
    entry, _ = writer.string_entry(strings, 0)
    entry.size, entry.crc32c = len(stored), mask(crc32c(hashed + checksum + joined))
    writer.write_files(tmp_path / "v", {b"words": entry}, [stored], endianness=1)
    assert Bundle(tmp_path / "v").read("words").tolist() == strings


@pytest.mark.parametrize("name", ["float16", "bfloat16", "int4", "uint4", "float8_e4m3fn", "complex128", "bool"])
def test_numbers_of_other_widths_are_read_as_written(name: str, tmp_path: Path) -> None:
    array = np.array([[0, 1, 2], [3, 1, 0]]).astype(dtypes.from_numpy_name(name))
    entry = writer.entry(array.astype(np.float32), array.tobytes(), 0)
    entry.dtype = next(number for number in range(1, 34) if _name_of_enum(number) == name)
    writer.write_files(tmp_path / "v", {b"v": entry}, [array.tobytes()])
    found = Bundle(tmp_path / "v").read("v")
    assert found.dtype == array.dtype and found.tobytes() == array.tobytes() and found.shape == (2, 3)


def _name_of_enum(number: int) -> str:
    dtype = dtypes.from_enum(number)
    return "" if number in (11, 12, 13, 15, 16) else dtype.name


def test_a_bundle_with_a_snappy_index_is_read(tmp_path: Path) -> None:
    values = np.arange(3, dtype=np.float32)
    writer.write(tmp_path / "v", {"a": values, "b": values + 1})
    contents = table.read((tmp_path / "v.index").read_bytes(), crc32c)
    content = writer.block(contents)
    length = len(content) - 1
    literal = bytes([61 << 2]) + length.to_bytes(2, "little") + content  # a literal with two bytes of length
    (tmp_path / "v.index").write_bytes(writer.table([(writer.varint(len(content)) + literal, 1)]))
    assert Bundle(tmp_path / "v").read("b").tolist() == [1, 2, 3]


def test_tensor_in_parts_is_assembled(tmp_path: Path) -> None:
    array = np.arange(400, dtype=np.float32).reshape(2, 200)
    writer.write_in_parts(tmp_path / "v", "w", array, [[(0, 2), (0, 70)], [(0, 2), (70, 130)]])
    bundle = Bundle(tmp_path / "v")
    assert bundle.keys() == ["w"]
    np.testing.assert_array_equal(bundle.read("w"), array)
    bundle.release()


@pytest.mark.parametrize(
    "extents",
    [
        [[(0, 2), (0, 2)]],
        [[(0, 2), (0, 2)], [(0, 2), (1, 2)]],
        [[(0, 2), (0, 2)], [(0, 1), (0, 2)]],
    ],
    ids=["hole", "overlap in one dimension", "overlap"],
)
def test_parts_that_do_not_tile_the_tensor_raise_corrupt_model_error(
    tmp_path: Path, extents: list[list[tuple[int, int]]]
) -> None:
    writer.write_in_parts(tmp_path / "v", "w", np.ones((2, 3), np.float32), extents)
    with pytest.raises(CorruptModelError, match="'w'"):
        Bundle(tmp_path / "v").read("w")


def test_parts_that_repeat_one_piece_of_data_allocate_nothing(tmp_path: Path) -> None:
    rows = 1 << 20
    whole = protos.BundleEntryProto(dtype=1, shape=writer.shape_proto((50 * rows, 1)))
    row = np.zeros((rows, 1), np.float32)
    entries = {b"w": whole}
    for start in range(0, 50 * rows, rows):
        whole.slices.add().extent.add(start=start, length=rows)
        whole.slices[-1].extent.add(start=0, length=1)
        entries[pieces.encode_key(b"w", [(start, rows), (0, 1)])] = writer.entry(row, row.tobytes(), 0)
    writer.write_files(tmp_path / "v", entries, [row.tobytes()])
    with pytest.raises(CorruptModelError, match="larger than the data files"):
        Bundle(tmp_path / "v").read("w")


def test_missing_part_raises_corrupt_model_error(tmp_path: Path) -> None:
    whole = protos.BundleEntryProto(dtype=1, shape=writer.shape_proto((2,)))
    whole.slices.add().extent.add(start=0, length=2)
    writer.write_files(tmp_path / "v", {b"w": whole}, [b""])
    with pytest.raises(CorruptModelError, match=r"'w' .* missing"):
        Bundle(tmp_path / "v").read("w")


def test_slice_keys_are_encoded_as_tensorflow_does() -> None:
    assert pieces.encode_key(b"w", []) == b"\0w\0\1\0"
    assert pieces.encode_key(b"a\0\xff", [(0, 3)]) == b"\0a\0\xff\xff\0\0\1\1\1\x80\x83"
    assert pieces.encode_key(b"w", [(63, 64), (8191, 8192), (0, -1)]) == (
        b"\0w\0\1" + b"\1\3" + b"\xbf" + b"\xc0\x40" + b"\xdf\xff" + b"\xe0\x20\x00" + b"\x80\x7f"
    )


def test_slice_of_a_tensor(prefix: Path) -> None:
    bundle = Bundle(prefix)
    kernel = ARRAYS["a/kernel"]
    np.testing.assert_array_equal(bundle.read_slice("a/kernel", ""), kernel)
    np.testing.assert_array_equal(bundle.read_slice("a/kernel", "2 3 1,1:-"), kernel[1:])
    np.testing.assert_array_equal(bundle.read_slice("a/kernel", "2 3 -:0,2"), kernel[:, :2])
    for malformed in ("2 3 1,1", "2 3 x:-", "2 3 1,2:-", "2 3 -1,1:-", "-:-"):
        with pytest.raises(InvalidGraphError, match="a/kernel"):
            bundle.read_slice("a/kernel", malformed)
    with pytest.raises(CorruptModelError, match="a/kernel"):
        bundle.read_slice("a/kernel", "3 2 -:-")


def test_variants_and_resources_are_named_in_the_error(tmp_path: Path) -> None:
    entries = {b"list": protos.BundleEntryProto(dtype=21), b"table": protos.BundleEntryProto(dtype=20)}
    writer.write_files(tmp_path / "v", entries, [b""])
    bundle = Bundle(tmp_path / "v")
    with pytest.raises(UnsupportedOpError, match=r"'list' .* variant"):
        bundle.read("list")
    with pytest.raises(UnsupportedOpError, match=r"'table' .* resource"):
        bundle.read("table")


def test_flipped_data_byte_raises_corrupt_model_error_naming_tensor_and_file(prefix: Path) -> None:
    data = bytearray(data_of(prefix).read_bytes())
    data[5] ^= 0x10
    data_of(prefix).write_bytes(data)
    bundle = Bundle(prefix)
    with pytest.raises(CorruptModelError, match=r"'a/kernel' in .*variables\.data-00000-of-00001 fails its checksum"):
        bundle.read("a/kernel")
    np.testing.assert_array_equal(bundle.read("a/flag"), ARRAYS["a/flag"])


def test_truncated_data_file_raises_corrupt_model_error(prefix: Path) -> None:
    data_of(prefix).write_bytes(data_of(prefix).read_bytes()[:30])
    with pytest.raises(CorruptModelError, match="outside of the file"):
        Bundle(prefix).read("c/brain")


def test_missing_shard_raises_corrupt_model_error_when_it_is_needed(tmp_path: Path) -> None:
    writer.write(tmp_path / "v", ARRAYS, num_shards=2)
    Path(f"{tmp_path / 'v'}.data-00001-of-00002").unlink()
    bundle = Bundle(tmp_path / "v")
    bundle.read("a/kernel")
    with pytest.raises(CorruptModelError, match=r"v\.data-00001-of-00002 is missing"):
        bundle.read("a/flag")


def test_missing_index_raises_corrupt_model_error(tmp_path: Path) -> None:
    with pytest.raises(CorruptModelError, match=r"no index file .*v\.index"):
        Bundle(tmp_path / "v")


def test_truncated_index_raises_corrupt_model_error(prefix: Path) -> None:
    index = index_of(prefix).read_bytes()
    for nbytes in range(0, len(index), 7):
        index_of(prefix).write_bytes(index[:nbytes])
        with pytest.raises(CorruptModelError, match=r"variables\.index is corrupt"):
            Bundle(prefix)


def test_flipped_index_byte_never_gives_another_checkpoint(prefix: Path) -> None:
    index = index_of(prefix).read_bytes()
    for position in range(len(index)):
        broken = bytearray(index)
        broken[position] ^= 0x21
        index_of(prefix).write_bytes(broken)
        try:
            bundle = Bundle(prefix)
        except CorruptModelError:
            continue
        for name, expected in ARRAYS.items():  # the byte was in the metaindex or in padding
            np.testing.assert_array_equal(bundle.read(name), expected)


@pytest.mark.parametrize(
    ("shape", "changes"),
    [
        ((2, 3), {"size": 20}),
        ((2, 3), {"offset": -1}),
        ((2, 3), {"offset": 1 << 62}),
        ((2, 3), {"size": -24}),
        ((2, 3), {"shard_id": 1}),
        ((2, 3), {"shard_id": -1}),
        ((2, 3), {"dtype": 0}),
        ((2, 3), {"dtype": 99}),
        ((-1, 3), {}),
        ((-2, -3), {}),
        ((1 << 40, 1 << 40), {}),
        ((0, 1 << 62, 1 << 62), {"size": 0}),
        ((1,) * 200, {"size": 4}),
    ],
)
def test_impossible_entries_raise_corrupt_model_error(
    tmp_path: Path, shape: tuple[int, ...], changes: dict[str, int]
) -> None:
    entry = writer.entry(ARRAYS["a/kernel"], ARRAYS["a/kernel"].tobytes(), 0)
    entry.shape.CopyFrom(writer.shape_proto(shape))
    for field, value in changes.items():
        setattr(entry, field, value)
    stored = ARRAYS["a/kernel"].tobytes()
    entry.crc32c = mask(crc32c(stored[: max(entry.size, 0)]))
    writer.write_files(tmp_path / "v", {b"w": entry}, [stored])
    with pytest.raises(CorruptModelError, match="'w'"):
        Bundle(tmp_path / "v").read("w")


def test_strings_of_an_absurd_count_raise_corrupt_model_error(tmp_path: Path) -> None:
    entry, stored = writer.string_entry([b"one"], offset=0)
    entry.shape.CopyFrom(writer.shape_proto((1 << 50,)))
    writer.write_files(tmp_path / "v", {b"w": entry}, [stored])
    with pytest.raises(CorruptModelError, match="'w'"):
        Bundle(tmp_path / "v").read("w")


def test_a_newer_format_version_says_so(tmp_path: Path) -> None:
    writer.write_files(tmp_path / "v", {}, [b""], version=protos.VersionDef(min_consumer=2))
    with pytest.raises(CorruptModelError, match="version 2"):
        Bundle(tmp_path / "v")


def test_snappy_blocks_are_read() -> None:
    entries = {b"": b"header", b"name": b"value"}
    content = writer.block(entries)
    snappy_content = writer.varint(len(content)) + bytes([(len(content) - 1) << 2]) + content
    assert table.read(writer.table([(snappy_content, 1)]), crc32c) == entries


def test_several_data_blocks_are_read_in_order() -> None:
    first = {b"": b"header", b"alpha": b"1", b"alphabet": b"2"}
    second = {b"beta": b"3"}
    file = writer.table([(writer.block(first, 2), 0), (writer.block(second), 0)])
    assert table.read(file, crc32c) == first | second


def test_unknown_compression_is_named() -> None:
    with pytest.raises(CorruptModelError, match="compression type 2"):
        table.read(writer.table([(writer.block({b"": b""}), 2)]), crc32c)


def test_keys_that_expand_quadratically_raise_corrupt_model_error() -> None:
    entry = b"".join(writer.varint(shared) + b"\1\0k" for shared in range(3000))
    content = entry + bytes(4) + (1).to_bytes(4, "little")
    with pytest.raises(CorruptModelError, match="expand"):
        table.read(writer.table([(content, 0)]), crc32c)
