-- Limits a number to LOW … HIGH, both of WIDTH bits; combinational; as pf_clip.v.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;

entity pf_clip is
    generic (
        WIDTH : positive;
        LOW   : std_logic_vector;
        HIGH  : std_logic_vector
    );
    port (
        given  : in std_logic_vector(WIDTH - 1 downto 0);
        result : out std_logic_vector(WIDTH - 1 downto 0)
    );
end entity;

architecture rtl of pf_clip is
begin
    result <= LOW when signed(given) < signed(LOW)
        else HIGH when signed(given) > signed(HIGH)
        else given;
end architecture;
