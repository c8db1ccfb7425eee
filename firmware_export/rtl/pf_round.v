// Drops fraction bits of a fixed-point number; combinational.
//
// The first half of an assignment to a format: round, then see pf_overflow. The names of the
// modes are those of ap_fixed (AMD UG1399).
//
//   SHIFT > 0   that many fraction bits are dropped
//   SHIFT < 0   that many zeros are appended
//
// The output is as wide as it takes, and wider than the input: a rounding that carries loses
// nothing.
module pf_round #(
    parameter IN_WIDTH = 8,
    parameter SHIFT = 0,
    // 0 TRN, 1 RND, 2 RND_CONV, 3 TRN_ZERO, 4 RND_ZERO, 5 RND_INF, 6 RND_MIN_INF
    parameter ROUNDING = 0,
    parameter OUT_WIDTH = IN_WIDTH - SHIFT + 2
) (
    input  wire signed [IN_WIDTH-1:0]  given,
    output wire signed [OUT_WIDTH-1:0] result
);
    localparam MORE = OUT_WIDTH - IN_WIDTH;
    generate
        if (SHIFT <= 0) begin : append
            wire signed [OUT_WIDTH-1:0] wide = {{MORE{given[IN_WIDTH-1]}}, given};
            assign result = wide <<< -SHIFT;
        end else begin : drop
            // The sign is repeated, so that more bits can be dropped than there are.
            wire signed [IN_WIDTH+SHIFT-1:0] wide = {{SHIFT{given[IN_WIDTH-1]}}, given};
            wire signed [IN_WIDTH-1:0] below = wide[IN_WIDTH+SHIFT-1:SHIFT];
            wire negative = given[IN_WIDTH-1];
            wire half = wide[SHIFT-1];
            wire rest;  // anything beneath the half
            if (SHIFT > 1) begin : beneath
                assign rest = |wide[SHIFT-2:0];
            end else begin : nothing
                assign rest = 1'b0;
            end
            wire up = (ROUNDING == 1) ? half
                    : (ROUNDING == 2) ? half & (rest | below[0])
                    : (ROUNDING == 3) ? negative & (half | rest)
                    : (ROUNDING == 4) ? half & (rest | negative)
                    : (ROUNDING == 5) ? half & (rest | ~negative)
                    : (ROUNDING == 6) ? half & rest
                    : 1'b0;
            wire [OUT_WIDTH-1:0] longer = {{MORE{below[IN_WIDTH-1]}}, below};
            assign result = longer + {{(OUT_WIDTH - 1){1'b0}}, up};
        end
    endgenerate
endmodule
