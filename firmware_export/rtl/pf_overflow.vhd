-- Brings a whole number into OUT_WIDTH bits; combinational; as pf_overflow.v.
--
-- The second half of an assignment to a format, after pf_round. The names of the modes are those
-- of ap_fixed (AMD UG1399). SIGNED is 1 where the format has a sign.
library ieee;
use ieee.std_logic_1164.all;

entity pf_overflow is
    generic (
        IN_WIDTH  : positive;
        OUT_WIDTH : positive;
        SIGNED    : natural range 0 to 1;
        OVERFLOW  : natural range 0 to 3  -- 0 WRAP, 1 SAT, 2 SAT_ZERO, 3 SAT_SYM
    );
    port (
        given  : in std_logic_vector(IN_WIDTH - 1 downto 0);
        result : out std_logic_vector(OUT_WIDTH - 1 downto 0)
    );
end entity;

architecture rtl of pf_overflow is
    constant WIDTH : positive := maximum(IN_WIDTH, OUT_WIDTH) + 2;
    subtype word is std_logic_vector(OUT_WIDTH - 1 downto 0);

    function highest return word is
        variable found : word := (others => '1');
    begin
        if SIGNED = 1 then
            found(OUT_WIDTH - 1) := '0';
        end if;
        return found;
    end function;

    function lowest return word is
        variable found : word := (others => '0');
    begin
        if SIGNED = 1 then
            found(OUT_WIDTH - 1) := '1';
        end if;
        return found;
    end function;

    -- A signed format of one bit keeps its −1 under SAT_SYM.
    function limit return word is
        variable found : word := lowest;
    begin
        if OVERFLOW = 3 and SIGNED = 1 and OUT_WIDTH > 1 then
            found(0) := '1';
        end if;
        return found;
    end function;
begin
    process (all)
        -- The bits above the format tell what lies outside: no comparison, no carry.
        variable wide     : std_logic_vector(WIDTH - 1 downto 0);
        variable negative : std_logic;
        variable above    : std_logic;
        variable below    : std_logic;
        variable fits     : word;
    begin
        negative := given(IN_WIDTH - 1);
        wide := (others => negative);
        wide(IN_WIDTH - 1 downto 0) := given;
        fits := wide(OUT_WIDTH - 1 downto 0);
        above := not negative and (or wide(WIDTH - 2 downto OUT_WIDTH - SIGNED));
        below := negative;
        if SIGNED = 1 then
            below := negative and not (and wide(WIDTH - 2 downto OUT_WIDTH - 1));
        end if;
        result <= fits;
        if OVERFLOW = 2 and (above = '1' or below = '1') then
            result <= (others => '0');
        elsif OVERFLOW = 1 or OVERFLOW = 3 then
            if above = '1' then
                result <= highest;
            elsif below = '1' or (negative = '1' and limit /= lowest and fits = lowest) then
                result <= limit;
            end if;
        end if;
    end process;
end architecture;
