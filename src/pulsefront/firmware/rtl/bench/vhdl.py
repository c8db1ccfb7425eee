"""A plain VHDL test bench: golden vectors, gaps and back-pressure, the first wrong integer.

It does what the bench in Verilog does, for a design that takes a whole event at a time. What it
prints with is ``firmware_export/testbench/pf_tb.vhd``.
"""

from __future__ import annotations

from collections.abc import Sequence

from pulsefront.firmware.rtl.bench.verilog import Bench, StreamPort
from pulsefront.firmware.rtl.language.vhdl_text import vhdl_name

__all__ = ["GHDL_FLAGS", "RUN_FLAGS", "vhdl_script", "vhdl_testbench"]

GHDL_FLAGS = ("--std=08",)
RUN_FLAGS = ("--ieee-asserts=disable",)
"""Before the first event the pipeline holds no numbers, of which the library warns."""

SCRIPT = """#!/bin/sh
# Runs the test bench with ghdl; ends with PASS or FAIL and a non-zero status.
here=$(cd "$(dirname "$0")" && pwd) || exit 2
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
cp -r "$here"/*.vhd "$here/tb_data" "$work" && cd "$work" || exit 2
ghdl -i {flags} ./*.vhd >import.log || exit 2
ghdl -m {flags} '{bench}' >make.log || exit 2
ghdl -r {flags} '{bench}' {run_flags} | tee log
grep -q '^PASS$' log
"""


def vhdl_script(top: str) -> str:
    """Return the shell script that runs the test bench of *top* with ghdl."""
    return SCRIPT.format(
        bench=vhdl_name(f"{top}_tb"), flags=" ".join(GHDL_FLAGS), run_flags=" ".join(RUN_FLAGS)
    )


def vhdl_testbench(bench: Bench) -> str:
    """Return the VHDL of the test bench; see ``README.md`` of the folder for its use."""
    name = vhdl_name(f"{bench.top}_tb")
    every = [*bench.inputs, *bench.outputs]
    connected = [line for one in every for line in _connected(one, one in bench.inputs)]
    done = " and ".join(f"{_n(one, 'event')} = VECTORS" for one in bench.outputs)
    return "\n".join(
        [
            f"-- Test bench of {bench.top}: golden vectors at full speed, then with gaps in the",
            "-- inputs and back-pressure on the outputs. It ends with PASS, or with FAIL, the",
            "-- vector, the element and both integers.",
            "library ieee;",
            "use ieee.math_real.all;",
            "use ieee.std_logic_1164.all;",
            "use std.textio.all;",
            "use work.pf_tb.all;",
            "",
            f"entity {name} is",
            "    generic (",
            f"        VECTORS : natural := {bench.vectors};",
            "        -- 1: write what comes out to found_OUTPUT.hex and compare nothing.",
            "        DUMP    : natural := 0",
            "    );",
            "end entity;",
            "",
            f"architecture bench of {name} is",
            f"    constant INTERVAL : positive := {bench.interval_cycles};",
            f"    constant LATENCY  : positive := {bench.latency_cycles};",
            "",
            "    signal clk      : std_logic := '0';",
            "    signal rst      : std_logic := '1';",
            "    signal aresetn  : std_logic := '0';",
            "    signal finished : boolean := false;",
            *(f"    {line}" for one in bench.inputs for line in _input_signals(one)),
            *(f"    {line}" for one in bench.outputs for line in _output_signals(one)),
            "begin",
            "    clk <= not clk after 5 ns when not finished;",
            "    aresetn <= not rst;",
            *(f"    {line}" for one in bench.inputs for line in _input_lanes(one)),
            *(f"    {line}" for one in bench.outputs for line in _output_lanes(one)),
            "",
            f"    dut : entity work.{vhdl_name(bench.axis)}",
            "        port map (",
            "            aclk => clk, aresetn => aresetn,",
            "            " + ",\n            ".join(connected),
            "        );",
            "",
            "    drive_and_compare : process",
            *(f"        {line}" for one in every for line in _variables(one)),
            "        variable one       : line;",
            "        variable gaps      : boolean := false;",
            "        variable seed1     : positive := 1;",
            "        variable seed2     : positive := 1;",
            "        variable cycle     : natural := 0;",
            "        variable quiet     : natural := 0;",
            "        variable first_in  : integer := -1;",
            "        variable first_out : integer := -1;",
            "        variable last_out  : integer := -1;",
            "",
            "        -- Whether to wait a clock; one of *of_how_many* times with gaps.",
            "        impure function waits(of_how_many : positive) return boolean is",
            "            variable drawn : real;",
            "        begin",
            "            if not gaps then",
            "                return false;",
            "            end if;",
            "            uniform(seed1, seed2, drawn);",
            "            return drawn < 1.0 / real(of_how_many);",
            "        end function;",
            "    begin",
            "        for pass in 0 to 1 loop",
            "            exit when pass = 1 and DUMP = 1;",
            "            gaps := pass = 1;",
            "            rst <= '1';",
            *(f"            {line}" for one in bench.inputs for line in _restart(one, "'0'")),
            *(f"            {line}" for one in bench.outputs for line in _restart(one, None)),
            "            for clock in 1 to 4 loop",
            "                wait until falling_edge(clk);",
            "            end loop;",
            "            quiet := 0;",
            "            rst <= '0';",
            f"            while not ({done}) loop",
            "                wait until rising_edge(clk);",
            "                cycle := cycle + 1;",
            "                quiet := quiet + 1;",
            "                if quiet > 16 * (LATENCY + INTERVAL) + 1000 then",
            '                    fail("the design has stopped at vector "',
            f"                         & to_string({_n(bench.outputs[0], 'event')}));",
            "                end if;",
            *(f"                {line}" for one in bench.inputs for line in _drive(one)),
            *(f"                {line}" for one in bench.outputs for line in _compare(one)),
            "            end loop;",
            *(f"            file_close({_n(one, 'file')});" for one in every),
            "            exit when DUMP = 1;",
            "            if gaps then",
            '                say("gaps and back-pressure: " & to_string(VECTORS) & " vectors");',
            "            else",
            '                say("full speed: " & to_string(VECTORS) & " vectors");',
            '                say("  first latency " & to_string(first_out - first_in)',
            '                    & " clocks, stated: at most " & to_string(LATENCY));',
            '                say("  interval "',
            "                    & to_string(real(last_out - first_out)",
            "                                / real(maximum(VECTORS - 1, 1)), 2)",
            '                    & " clocks, stated: " & to_string(INTERVAL));',
            "                if first_out - first_in > LATENCY then",
            '                    fail("later than stated");',
            "                end if;",
            "                if last_out - first_in > LATENCY + (VECTORS - 1) * INTERVAL then",
            '                    fail("slower than stated");',
            "                end if;",
            "            end if;",
            "        end loop;",
            '        say("PASS");',
            "        finished <= true;",
            "        wait;",
            "    end process;",
            "end architecture;",
            "",
        ]
    )


def _n(one: StreamPort, part: str) -> str:
    return vhdl_name(f"{one.name}_{part}")


def _vector(bits: int) -> str:
    return f"std_logic_vector({bits - 1} downto 0)"


def _padded(one: StreamPort) -> int:
    """Return the bits of a line of the file of vectors: whole hexadecimal digits."""
    return -(-one.bits // 4) * 4


def _connected(one: StreamPort, is_input: bool) -> list[str]:  # noqa: FBT001 - which side it is
    stem = f"{'s' if is_input else 'm'}_axis_{one.name}_t"
    parts = {"valid": "valid", "ready": "ready", "data": "lanes"}
    if not is_input:
        parts["last"] = "last"
    return [f"{vhdl_name(stem + part)} => {_n(one, signal)}" for part, signal in parts.items()]


def _input_signals(one: StreamPort) -> list[str]:
    return [
        f"signal {_n(one, 'valid')} : std_logic := '0';",
        f"signal {_n(one, 'ready')} : std_logic;",
        f"signal {_n(one, 'data')} : {_vector(one.bits)} := (others => '0');",
        f"signal {_n(one, 'lanes')} : {_vector(one.beat * one.lane)};",
    ]


def _output_signals(one: StreamPort) -> list[str]:
    return [
        f"signal {_n(one, 'valid')}, {_n(one, 'last')} : std_logic;",
        f"signal {_n(one, 'ready')} : std_logic := '0';",
        f"signal {_n(one, 'data')} : {_vector(one.bits)};",
        f"signal {_n(one, 'lanes')}, {_n(one, 'extended')} : {_vector(one.beat * one.lane)};",
    ]


def _part(bus: str, start: int, bits: int) -> str:
    return f"{bus}({start + bits - 1} downto {start})"


def _input_lanes(one: StreamPort) -> list[str]:
    """Put each element into its lane; what is beyond it is not read: it is not the sign here."""
    lanes, data = _n(one, "lanes"), _n(one, "data")
    lines = []
    for index in range(one.beat):
        start = index * one.lane
        lines.append(
            f"{_part(lanes, start, one.width)} <= {_part(data, index * one.width, one.width)};"
        )
        if one.lane > one.width:
            beyond = _part(lanes, start + one.width, one.lane - one.width)
            lines.append(f"{beyond} <= (others => '1');")
    return lines


def _output_lanes(one: StreamPort) -> list[str]:
    """Take each element out of its lane, and say what the lane would be with the element's sign."""
    lanes, data, extended = _n(one, "lanes"), _n(one, "data"), _n(one, "extended")
    lines = []
    for index in range(one.beat):
        start, element = index * one.lane, _part(data, index * one.width, one.width)
        sign = f"{data}({(index + 1) * one.width - 1})" if one.signed else "'0'"
        lines += [
            f"{element} <= {_part(lanes, start, one.width)};",
            f"{_part(extended, start, one.width)} <= {element};",
        ]
        if one.lane > one.width:
            beyond = _part(extended, start + one.width, one.lane - one.width)
            lines.append(f"{beyond} <= (others => {sign});")
    return lines


def _variables(one: StreamPort) -> list[str]:
    return [
        f"file {_n(one, 'file')} : text;",
        f"variable {_n(one, 'event')} : natural;",
        f"variable {_n(one, 'stalled')} : boolean;",
        f"variable {_n(one, 'kept')} : {_vector(one.bits)};",
        f"variable {_n(one, 'word')} : {_vector(_padded(one))};",
    ]


def _restart(one: StreamPort, valid: str | None) -> list[str]:
    """Begin the files and the stream again; *valid* is given for an input."""
    file, lines = _n(one, "file"), [f"{_n(one, 'event')} := 0;"]
    if valid is not None:
        return [
            *lines,
            f'file_open({file}, "tb_data/inputs_{one.name}.hex", read_mode);',
            f"{_n(one, 'valid')} <= {valid};",
        ]
    return [
        *lines,
        f"{_n(one, 'stalled')} := false;",
        f"{_n(one, 'ready')} <= '0';",
        "if DUMP = 1 then",
        f'    file_open({file}, "found_{one.name}.hex", write_mode);',
        "else",
        f'    file_open({file}, "tb_data/expected_{one.name}.hex", read_mode);',
        "end if;",
    ]


def _drive(one: StreamPort) -> Sequence[str]:
    """Offer the next event once the last is taken; with gaps, not always at once."""
    valid, ready, event, word = (_n(one, part) for part in ("valid", "ready", "event", "word"))
    return [
        f"if {valid} = '1' and {ready} = '1' and first_in < 0 then",
        "    first_in := cycle;",
        "end if;",
        f"if {valid} = '0' or {ready} = '1' then",
        f"    {valid} <= '0';",
        f"    if {event} < VECTORS and not waits(3) then",
        f"        readline({_n(one, 'file')}, one);",
        f"        hread(one, {word});",
        f"        {valid} <= '1';",
        f"        {_n(one, 'data')} <= {_part(word, 0, one.bits)};",
        f"        {event} := {event} + 1;",
        "    end if;",
        "end if;",
    ]


def _compare(one: StreamPort) -> Sequence[str]:
    """Take an event, compare each element, and check the stream's own rules."""
    names = ("valid", "ready", "event", "word", "data", "stalled", "kept", "file")
    valid, ready, event, word, data, stalled, kept, file = (_n(one, part) for part in names)
    low = f"element * {one.width}"
    got = f"{data}({low} + {one.width - 1} downto {low})"
    expected = f"{word}({low} + {one.width - 1} downto {low})"
    signed = str(one.signed).lower()
    return [
        f"if {stalled} and ({valid} /= '1' or {data} /= {kept}) then",
        f'    fail("{one.name} changed before it was taken, vector " & to_string({event}));',
        "end if;",
        f"{stalled} := {valid} = '1' and {ready} = '0';",
        f"{kept} := {data};",
        f"if {valid} = '1' and {ready} = '1' then",
        "    quiet := 0;",
        "    if DUMP = 1 then",
        f"        {word} := (others => '0');",
        f"        {_part(word, 0, one.bits)} := {data};",
        f"        hwrite(one, {word});",
        f"        writeline({file}, one);",
        "    else",
        f"        readline({file}, one);",
        f"        hread(one, {word});",
        f"        for element in 0 to {one.elements - 1} loop",
        f"            if {got} /= {expected} then",
        f'                fail("vector " & to_string({event}) & ", {one.name}["',
        '                     & to_string(element) & "]: expected "',
        f"                     & decimal({expected}, {signed})",
        f'                     & ", got " & decimal({got}, {signed}));',
        "            end if;",
        "        end loop;",
        "    end if;",
        f"    if {_n(one, 'lanes')} /= {_n(one, 'extended')} then",
        f'        fail("vector " & to_string({event}) & ": {one.name} has no sign above it");',
        "    end if;",
        f"    if {_n(one, 'last')} /= '1' then",
        f'        fail("vector " & to_string({event}) & ": {one.name}_last is wrong");',
        "    end if;",
        f"    if not gaps and {event} = 0 then",
        "        first_out := maximum(first_out, cycle);",
        "    end if;",
        "    if not gaps then",
        "        last_out := cycle;",
        "    end if;",
        f"    {event} := {event} + 1;",
        "end if;",
        f"{ready} <= '0' when waits(2) else '1';",
    ]
