"""hls4ml projects: the C simulation gives the emulator's integers; nothing is left implicit."""

from __future__ import annotations

import re

import numpy as np
import pytest

from pulsefront.errors import ExportError
from pulsefront.firmware.board import load_board
from pulsefront.firmware.hls4ml.csim import CSimulation, check_weight_files
from pulsefront.firmware.hls4ml.project import write_hls4ml
from pulsefront.fixed_point import (
    Assignment,
    Dense,
    FixedPointFormat,
    FixedPointModel,
    Input,
)
from strategies_fixed_point import random_model, side_by_side
from toys_firmware import compare, mlp


def test_half_a_dozen_random_models_give_the_same_integers(tmp_path):
    # Unconnected in one project: one compilation for all of them.
    model = side_by_side([random_model(seed, f"net{seed}", most=2) for seed in range(100, 106)])
    write_hls4ml(model, tmp_path / "project", board=load_board())
    compare(model, tmp_path / "project", 2000)


def test_writing_says_nothing(tmp_path, capfd):
    write_hls4ml(mlp(64, 32, 16, 2), tmp_path / "project", board=load_board())
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("stamp", ["12345678", "1234e567", "0x12abcd", "deadbeef"])
def test_a_random_stamp_that_reads_as_a_number_leaves_no_trace(tmp_path, monkeypatch, stamp):
    from hls4ml.model.optimizer.passes.stamp import MakeStamp

    def transform(_, model):
        model.config.config["Stamp"] = stamp
        return False

    monkeypatch.setattr(MakeStamp, "transform", transform)
    write_hls4ml(mlp(4, 3, 2), tmp_path / "project", board=load_board())
    text = (tmp_path / "project" / "hls4ml_config.yml").read_text()
    assert "\nStamp: pulsefront\n" in text
    for path in (tmp_path / "project").rglob("*"):
        assert not path.is_file() or stamp.encode() not in path.read_bytes(), path


def test_a_random_stamp_among_the_digits_of_a_weight_changes_no_weight(tmp_path, monkeypatch):
    from hls4ml.model.optimizer.passes.stamp import MakeStamp

    write_hls4ml(mlp(4, 3, 2), tmp_path / "first", board=load_board())
    weights = tmp_path / "first" / "firmware" / "weights" / "w2.txt"
    digits = weights.read_text().split(",")[0].strip()[-4:]
    monkeypatch.setattr(
        MakeStamp, "transform", lambda _, model: model.config.config.update(Stamp=digits)
    )
    write_hls4ml(mlp(4, 3, 2), tmp_path / "second", board=load_board())
    again = tmp_path / "second" / "firmware" / "weights" / "w2.txt"
    assert again.read_bytes() == weights.read_bytes()


def test_every_precision_is_by_name(tmp_path):
    write_hls4ml(mlp(8, 4, 2), tmp_path / "project", board=load_board())
    firmware = tmp_path / "project" / "firmware"
    typedefs = re.findall(r"typedef (.+) (\w+);", (firmware / "defines.h").read_text())
    types = {name: ctype for ctype, name in typedefs}
    assert types["input_t"] == "ap_ufixed<12,12>"
    assert types["dense0_weight_t"] == "ap_fixed<6,1>"
    assert types["dense0_bias_t"] == "ap_fixed<10,4>"
    assert "ap_ufixed<8,11,AP_RND,AP_SAT,0>" in types.values()
    assert not any("ap_fixed<1,1>" in ctype for ctype in types.values())
    assert not any("16,6" in ctype for ctype in types.values())


def test_the_accumulator_holds_every_partial_sum(tmp_path):
    model = mlp(8, 4, 2)
    write_hls4ml(model, tmp_path / "project", board=load_board())
    defines = (tmp_path / "project" / "firmware" / "defines.h").read_text()
    width = int(re.search(r"ap_fixed<(\d+),\d+> dense0_accum_t", defines)[1])
    assert 2 ** (width - 1) > model.steps[0].magnitude


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"name": "X"}, "does not tell 'X' from 'x'"),
        ({"name": "float"}, "'float' is a word of C"),
    ],
)
def test_names_that_cannot_be_written_are_refused(tmp_path, changes, problem):
    model = mlp(4, 3, 2, **changes)
    with pytest.raises(ExportError, match=problem):
        write_hls4ml(model, tmp_path / "project", board=load_board())


def test_dropping_more_bits_than_there_are_is_no_assertion_of_ap_types(tmp_path):
    # Seen in fuzzing: a bias of one bit assigned to an accumulator four bits coarser.
    narrow = Assignment(FixedPointFormat(13, 15), "TRN_ZERO", "SAT")
    layer = Dense(
        "d",
        ("x",),
        np.array([[7], [-5]]),
        FixedPointFormat(5, 3),
        np.array([-1]),
        FixedPointFormat(1, -1),
        accumulator=narrow,
    )
    source = Input("x", (2,), FixedPointFormat(13, 14))
    model = FixedPointModel("coarse", (source,), (layer,), ("d",))
    write_hls4ml(model, tmp_path / "project", board=load_board())
    compare(model, tmp_path / "project", 300)


def test_an_output_that_a_double_does_not_hold_is_refused(tmp_path):
    source = Input("x", (2,), FixedPointFormat(30, 30))
    layer = Dense("d", ("x",), np.full((2, 2), 2**25), FixedPointFormat(28, 28))
    model = FixedPointModel("wide", (source,), (layer,), ("d",))
    with pytest.raises(ExportError, match=r"'d' has 5[67] bits"):
        write_hls4ml(model, tmp_path / "project", board=load_board())


def test_a_project_that_does_not_compile_gives_the_compilers_error(tmp_path):
    model = mlp(4, 3, 2)
    write_hls4ml(model, tmp_path / "project", board=load_board())
    (tmp_path / "project" / "firmware" / "mlp.h").write_text("#error broken on purpose\n")
    with pytest.raises(ExportError, match=r"does not compile: .*broken on purpose"):
        CSimulation(tmp_path / "project", model)


def test_a_weight_header_that_differs_from_the_simulated_text_is_found(tmp_path):
    write_hls4ml(mlp(4, 3, 2), tmp_path / "project", board=load_board())
    check_weight_files(tmp_path / "project")
    header = tmp_path / "project" / "firmware" / "weights" / "w2.h"
    text = header.read_text()
    start = text.index("= {") + 3  # the first brace is the namespace's
    end = text.index(",", start)
    header.write_text(text[:start] + "0.9375" + text[end:])
    with pytest.raises(ExportError, match=r"w2\.h: differs from w2\.txt at weight 0"):
        check_weight_files(tmp_path / "project")
