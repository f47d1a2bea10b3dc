"""Recurrent layers and their cells, convolutional ones, wrappers: masks, states, directions, unknown time."""

from __future__ import annotations

from tests.keras.case import Case, Cases, Values, layers, merge, padded, padded_ids, values, variants

_SEQUENCE = values(6, 4)
_UNKNOWN = values(None, 4)
_FIXED_BATCH = Values((6, 4), batch=3)
_UNITS = 5


def _recurrent(kind: str) -> Cases:
    """What all three recurrent layers take."""
    layer = getattr(layers, kind)
    return merge(
        variants(
            kind,
            _UNKNOWN,
            plain=layer(_UNITS),
            sequences=layer(_UNITS, return_sequences=True),
            backwards=layer(_UNITS, return_sequences=True, go_backwards=True),
            no_bias=layer(_UNITS, use_bias=False),
            other_activation=layer(_UNITS, activation="relu", return_sequences=True),
            with_state=layer(_UNITS, return_state=True),
            sequences_with_state=layer(_UNITS, return_sequences=True, return_state=True, go_backwards=True),
            dropout=layer(_UNITS, dropout=0.3, recurrent_dropout=0.2),
        ),
        variants(
            kind,
            _SEQUENCE,
            unrolled=layer(_UNITS, unroll=True),
            unrolled_sequences=layer(_UNITS, unroll=True, return_sequences=True, return_state=True),
            known_time=layer(_UNITS, return_sequences=True),
        ),
        variants(
            kind,
            padded(None, 4),
            masked=layers.Sequential([layers.Masking(), layer(_UNITS)]),
            masked_sequences=layers.Sequential([layers.Masking(), layer(_UNITS, return_sequences=True)]),
            masked_backwards=layers.Sequential([layers.Masking(), layer(_UNITS, go_backwards=True)]),
            masked_to_zero=layers.Sequential(
                [layers.Masking(), layers.RNN(getattr(layers, f"{kind}Cell")(3), zero_output_for_mask=True)]
            ),
        ),
        variants(
            kind,
            padded_ids(9, None),
            embedded_stack=layers.Sequential(
                [layers.Embedding(9, 4, mask_zero=True), layer(4, return_sequences=True), layer(3), layers.Dense(2)]
            ),
        ),
        variants(
            kind,
            _FIXED_BATCH,
            stateful=layer(_UNITS, stateful=True),
            stateful_sequences=layer(_UNITS, stateful=True, return_sequences=True),
        ),
    )


def _cell(kind: str, states: int) -> Cases:
    """A cell called by itself, and two of them in an RNN."""
    cell = getattr(layers, kind)
    inputs = (values(4), *[values(_UNITS)] * states)
    return merge(
        {
            f"{kind}_alone": Case(kind, cell(_UNITS), inputs, apply=lambda layer, x: layer(x[0], x[1:])),
        },
        variants(
            kind,
            _UNKNOWN,
            looped=layers.RNN(cell(_UNITS), return_sequences=True),
            stacked=layers.RNN([cell(_UNITS), cell(3)], return_state=True),
        ),
    )


def _convolutional(kind: str, shape: tuple[int, ...]) -> Cases:
    layer = getattr(layers, kind)
    return merge(
        variants(
            kind,
            values(4, *shape, 2),
            valid=layer(3, 2),
            same_sequences=layer(2, 3, padding="same", return_sequences=True),
            strides=layer(2, 3, strides=2, recurrent_activation="hard_sigmoid", go_backwards=True),
            with_state=layer(2, 2, return_state=True, padding="same"),
        ),
        variants(kind, values(None, *shape, 2), unknown_time=layer(2, 2, dropout=0.2)),
    )


CASES = merge(
    _recurrent("LSTM"),
    _recurrent("GRU"),
    _recurrent("SimpleRNN"),
    variants(
        "GRU",
        _UNKNOWN,
        reset_before=layers.GRU(_UNITS, reset_after=False),
        hard_sigmoid=layers.GRU(_UNITS, recurrent_activation="hard_sigmoid"),
    ),
    variants("LSTM", _UNKNOWN, no_forget_bias=layers.LSTM(_UNITS, unit_forget_bias=False)),
    {
        "LSTM_initial_state": Case(
            "LSTM",
            layers.LSTM(_UNITS),
            (_UNKNOWN, values(_UNITS), values(_UNITS)),
            apply=lambda layer, x: layer(x[0], initial_state=x[1:]),
        ),
        "GRU_initial_state": Case(
            "GRU",
            layers.GRU(_UNITS, return_sequences=True),
            (_UNKNOWN, values(_UNITS)),
            apply=lambda layer, x: layer(x[0], initial_state=x[1]),
        ),
        "StackedRNNCells_alone": Case(
            "StackedRNNCells",
            layers.StackedRNNCells([layers.GRUCell(3), layers.SimpleRNNCell(2)]),
            (values(4), values(3), values(2)),
            apply=lambda layer, x: layer(x[0], x[1:]),
        ),
    },
    _cell("LSTMCell", 2),
    _cell("GRUCell", 1),
    _cell("SimpleRNNCell", 1),
    variants(
        "StackedRNNCells",
        _UNKNOWN,
        mixed=layers.RNN(
            layers.StackedRNNCells([layers.LSTMCell(4), layers.GRUCell(3), layers.SimpleRNNCell(2)]),
            return_sequences=True,
            return_state=True,
        ),
    ),
    variants(
        "RNN",
        _UNKNOWN,
        plain=layers.RNN(layers.SimpleRNNCell(3)),
        list_of_cells=layers.RNN([layers.LSTMCell(4), layers.LSTMCell(2)], return_sequences=True),
        backwards=layers.RNN(layers.GRUCell(3, reset_after=False), go_backwards=True, return_state=True),
    ),
    variants("RNN", _SEQUENCE, unrolled=layers.RNN(layers.LSTMCell(3), unroll=True)),
    _convolutional("ConvLSTM1D", (7,)),
    _convolutional("ConvLSTM2D", (6, 5)),
    _convolutional("ConvLSTM3D", (4, 5, 3)),
    variants(
        "ConvLSTM2D",
        Values((4, 5, 4, 2), batch=3),
        stateful=layers.ConvLSTM2D(2, 2, padding="same", stateful=True),
    ),
    variants(
        "Bidirectional",
        _UNKNOWN,
        concatenated=layers.Bidirectional(layers.LSTM(3, return_sequences=True)),
        summed=layers.Bidirectional(layers.GRU(3), merge_mode="sum"),
        multiplied=layers.Bidirectional(layers.SimpleRNN(3), merge_mode="mul"),
        averaged=layers.Bidirectional(layers.LSTM(3), merge_mode="ave"),
        separate=layers.Bidirectional(layers.GRU(3, return_sequences=True), merge_mode=None),
        with_state=layers.Bidirectional(layers.LSTM(3, return_state=True)),
        unlike=layers.Bidirectional(
            layers.LSTM(3, return_sequences=True),
            backward_layer=layers.GRU(2, go_backwards=True, return_sequences=True),
        ),
    ),
    variants(
        "Bidirectional",
        padded_ids(9, None),
        masked=layers.Sequential(
            [
                layers.Embedding(9, 4, mask_zero=True),
                layers.Bidirectional(layers.LSTM(3, return_sequences=True)),
                layers.Bidirectional(layers.GRU(3)),
            ]
        ),
    ),
    variants(
        "TimeDistributed",
        values(4, 5, 6, 2),
        convolution=layers.TimeDistributed(layers.Conv2D(3, 2)),
        pooling=layers.TimeDistributed(layers.GlobalMaxPooling2D()),
        batch_norm=layers.TimeDistributed(layers.BatchNormalization()),
    ),
    variants("TimeDistributed", _UNKNOWN, unknown_time=layers.TimeDistributed(layers.Dense(3))),
    variants(
        "TimeDistributed",
        padded(5, 4),
        masked=layers.Sequential([layers.Masking(), layers.TimeDistributed(layers.Dense(3)), layers.GRU(2)]),
    ),
)
