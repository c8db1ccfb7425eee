-- Drops fraction bits of a fixed-point number; combinational; as pf_round.v.
--
--   SHIFT > 0   that many fraction bits are dropped
--   SHIFT < 0   that many zeros are appended
--
-- The output is as wide as it takes: a rounding that carries loses nothing.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;

entity pf_round is
    generic (
        IN_WIDTH  : positive;
        SHIFT     : integer;
        -- 0 TRN, 1 RND, 2 RND_CONV, 3 TRN_ZERO, 4 RND_ZERO, 5 RND_INF, 6 RND_MIN_INF
        ROUNDING  : natural range 0 to 6;
        OUT_WIDTH : positive
    );
    port (
        given  : in std_logic_vector(IN_WIDTH - 1 downto 0);
        result : out std_logic_vector(OUT_WIDTH - 1 downto 0)
    );
end entity;

architecture rtl of pf_round is
begin
    append : if SHIFT <= 0 generate
        result <= std_logic_vector(shift_left(resize(signed(given), OUT_WIDTH), -SHIFT));
    end generate;

    drop : if SHIFT > 0 generate
        process (all)
            -- The sign is repeated, so that more bits can be dropped than there are.
            variable wide     : std_logic_vector(IN_WIDTH + SHIFT - 1 downto 0);
            variable below    : signed(IN_WIDTH - 1 downto 0);
            variable negative : std_logic;
            variable half     : std_logic;
            variable rest     : std_logic;  -- anything beneath the half
            variable up       : std_logic;
            variable carry    : signed(1 downto 0);
        begin
            wide := std_logic_vector(resize(signed(given), IN_WIDTH + SHIFT));
            below := signed(wide(IN_WIDTH + SHIFT - 1 downto SHIFT));
            negative := given(IN_WIDTH - 1);
            half := wide(SHIFT - 1);
            rest := '0';
            for bit_number in 0 to SHIFT - 2 loop
                rest := rest or wide(bit_number);
            end loop;
            case ROUNDING is
                when 1 => up := half;
                when 2 => up := half and (rest or below(0));
                when 3 => up := negative and (half or rest);
                when 4 => up := half and (rest or negative);
                when 5 => up := half and (rest or not negative);
                when 6 => up := half and rest;
                when others => up := '0';
            end case;
            carry := '0' & up;
            result <= std_logic_vector(resize(below, OUT_WIDTH) + carry);
        end process;
    end generate;
end architecture;
