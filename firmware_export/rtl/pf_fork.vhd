-- One stream for COUNT readers: each takes every element when it can, none waits for another
-- longer than one element; as pf_fork.v.
library ieee;
use ieee.std_logic_1164.all;

entity pf_fork is
    generic (
        COUNT : positive := 2
    );
    port (
        clk       : in std_logic;
        rst       : in std_logic;
        in_valid  : in std_logic;
        in_ready  : out std_logic;
        out_valid : out std_logic_vector(COUNT - 1 downto 0);
        out_ready : in std_logic_vector(COUNT - 1 downto 0)
    );
end entity;

architecture rtl of pf_fork is
    signal taken : std_logic_vector(COUNT - 1 downto 0) := (others => '0');
    signal done  : std_logic;
begin
    out_valid <= in_valid and not taken;
    done <= and (taken or out_ready);
    in_ready <= done;

    process (clk)
    begin
        if rising_edge(clk) then
            if rst = '1' or (in_valid = '1' and done = '1') then
                taken <= (others => '0');
            elsif in_valid = '1' then
                taken <= taken or out_ready;
            end if;
        end if;
    end process;
end architecture;
