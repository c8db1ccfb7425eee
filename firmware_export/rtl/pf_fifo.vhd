-- A queue of 2^DEPTH_LOG2 elements, for streams that wait for one another; as pf_fifo.v.
library ieee;
use ieee.std_logic_1164.all;

entity pf_fifo is
    generic (
        WIDTH      : positive := 8;
        DEPTH_LOG2 : positive := 4
    );
    port (
        clk       : in std_logic;
        rst       : in std_logic;
        in_valid  : in std_logic;
        in_ready  : out std_logic;
        in_data   : in std_logic_vector(WIDTH - 1 downto 0);
        out_valid : out std_logic;
        out_ready : in std_logic;
        out_data  : out std_logic_vector(WIDTH - 1 downto 0)
    );
end entity;

architecture rtl of pf_fifo is
    constant DEPTH : positive := 2 ** DEPTH_LOG2;
    type words is array (0 to DEPTH - 1) of std_logic_vector(WIDTH - 1 downto 0);
    signal memory  : words;
    signal head    : natural range 0 to DEPTH - 1 := 0;
    signal tail    : natural range 0 to DEPTH - 1 := 0;
    signal held    : natural range 0 to DEPTH := 0;
    signal waiting : std_logic := '0';  -- what out_valid tells
    signal free    : std_logic;
    signal writes  : std_logic;
    signal open_end : std_logic;  -- the register at the end is free
    signal reads   : std_logic;
    signal passes  : std_logic;  -- what meets an empty queue does not wait in memory
begin
    free <= '1' when held < DEPTH else '0';
    in_ready <= free;
    out_valid <= waiting;
    writes <= in_valid and free;
    open_end <= out_ready or not waiting;
    reads <= open_end when held /= 0 else '0';
    passes <= writes and open_end when held = 0 else '0';

    process (clk)
    begin
        if rising_edge(clk) then
            if passes = '1' then
                out_data <= in_data;
            elsif writes = '1' then
                memory(tail) <= in_data;
                tail <= (tail + 1) mod DEPTH;
            end if;
            if reads = '1' then
                out_data <= memory(head);
                head <= (head + 1) mod DEPTH;
            end if;
            if writes = '1' and reads /= '1' and passes /= '1' then
                held <= held + 1;
            elsif reads = '1' and writes /= '1' then
                held <= held - 1;
            end if;
            if open_end = '1' then
                waiting <= reads or passes;
            end if;
            if rst = '1' then
                head <= 0;
                tail <= 0;
                held <= 0;
                waiting <= '0';
            end if;
        end if;
    end process;
end architecture;
