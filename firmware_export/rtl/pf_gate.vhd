-- Lets events into a pipeline of STAGES registers that never stops; as pf_gate.v.
--
-- It counts the events inside, in the pipeline and in the queue of 2^DEPTH_LOG2 behind it, and
-- takes no more than the queue holds, so that a receiver may stop at any time. An event is taken
-- when all INPUTS have it.
library ieee;
use ieee.std_logic_1164.all;

entity pf_gate is
    generic (
        INPUTS     : positive := 1;
        STAGES     : positive := 1;
        DEPTH_LOG2 : positive := 4
    );
    port (
        clk       : in std_logic;
        rst       : in std_logic;
        in_valid  : in std_logic_vector(INPUTS - 1 downto 0);
        in_ready  : out std_logic_vector(INPUTS - 1 downto 0);
        arrives   : out std_logic;  -- an event is at the pipeline's end
        out_valid : in std_logic;   -- of the queue
        out_ready : in std_logic
    );
end entity;

architecture rtl of pf_gate is
    constant DEPTH : positive := 2 ** DEPTH_LOG2;
    signal held    : natural range 0 to DEPTH := 0;
    signal room    : std_logic := '0';
    signal travels : std_logic_vector(STAGES - 1 downto 0) := (others => '0');
    signal takes   : std_logic;
    signal leaves  : std_logic;
begin
    leaves <= out_valid and out_ready;
    takes <= room and (and in_valid);
    arrives <= travels(STAGES - 1);

    process (all)
        variable others_valid : std_logic;
    begin
        for number in 0 to INPUTS - 1 loop
            others_valid := room;
            for other in 0 to INPUTS - 1 loop
                if other /= number then
                    others_valid := others_valid and in_valid(other);
                end if;
            end loop;
            in_ready(number) <= others_valid;
        end loop;
    end process;

    process (clk)
        variable held_next : natural range 0 to DEPTH;
        variable moved     : std_logic_vector(STAGES downto 0);
    begin
        if rising_edge(clk) then
            held_next := held;
            if takes = '1' and leaves /= '1' then
                held_next := held + 1;
            elsif leaves = '1' and takes /= '1' then
                held_next := held - 1;
            end if;
            moved := travels & takes;
            travels <= moved(STAGES - 1 downto 0);
            held <= held_next;
            room <= '1' when held_next < DEPTH else '0';
            if rst = '1' then
                held <= 0;
                room <= '0';
                travels <= (others => '0');
            end if;
        end if;
    end process;
end architecture;
