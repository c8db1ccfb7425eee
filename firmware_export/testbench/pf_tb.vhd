-- What a test bench prints with.
library ieee;
use ieee.numeric_std.all;
use ieee.std_logic_1164.all;
use std.textio.all;

package pf_tb is
    -- An integer of any width in decimal; bits that are not known as they are.
    function decimal(value : std_logic_vector; has_sign : boolean) return string;
    procedure say(text : string);
    -- Ends the simulation with a non-zero status.
    procedure fail(text : string);
end package;

package body pf_tb is
    function decimal(value : std_logic_vector; has_sign : boolean) return string is
        variable rest  : unsigned(value'length downto 0) := '0' & unsigned(value);
        variable text  : string(1 to value'length + 1);
        variable first : positive := text'length + 1;
        variable below : boolean := false;
    begin
        if is_x(value) then
            return to_string(value);
        end if;
        if has_sign then
            below := signed(value) < 0;
            rest := unsigned(abs (resize(signed(value), value'length + 1)));
        end if;
        loop
            first := first - 1;
            text(first) := character'val(character'pos('0') + to_integer(rest mod 10));
            rest := rest / 10;
            exit when rest = 0;
        end loop;
        if below then
            return "-" & text(first to text'right);
        end if;
        return text(first to text'right);
    end function;

    procedure say(text : string) is
        variable one : line;
    begin
        write(one, text);
        writeline(output, one);
    end procedure;

    procedure fail(text : string) is
    begin
        say("FAIL: " & text);
        std.env.stop(1);
    end procedure;
end package body;
