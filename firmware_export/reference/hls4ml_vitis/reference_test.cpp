// Test bench of reference: every golden vector through the top function, integer by integer.
// Returns 0 only if every output equals its expected raw integer; Vitis HLS takes any other value
// as a failed C simulation or co-simulation. The integers go into the log that build_prj.tcl
// compares after both.

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "firmware/reference.h"
#include "firmware/nnet_utils/nnet_helpers.h"

namespace nnet {
bool trace_enabled = false;
std::map<std::string, void *> *trace_outputs = NULL;
size_t trace_type_size = sizeof(double);
} // namespace nnet

// One vector a line, decimal integers. False at the end of the file.
static bool next_vector(std::ifstream &file, std::vector<long long> &values, size_t size,
                        const char *name, long vector) {
    std::string line;
    if (!std::getline(file, line))
        return false;
    std::istringstream text(line);
    values.clear();
    long long value;
    while (text >> value)
        values.push_back(value);
    if (values.size() != size) {
        std::printf("FAIL: %s, vector %ld has %zu numbers instead of %zu\n", name, vector,
                    values.size(), size);
        std::exit(2);
    }
    return true;
}

static void open_vectors(std::ifstream &file, const char *path) {
    file.open(path);
    if (!file) {
        std::printf("FAIL: cannot open %s; run this from the project's folder\n", path);
        std::exit(2);
    }
}

int main() {
    std::ifstream file_charge, file_position;
    open_vectors(file_charge, "tb_data/inputs_charge.txt");
    open_vectors(file_position, "tb_data/expected_position.txt");
#ifdef RTL_SIM
    std::ofstream results("tb_data/rtl_cosim_results.log");
#else
    std::ofstream results("tb_data/csim_results.log");
#endif
    std::vector<long long> raw_charge;
    static reference_hls::input_t port_charge[8];
    std::vector<long long> raw_position;
    static reference_hls::result_t port_position[2];

    long vectors = 0, compared = 0, different = 0;
    while (next_vector(file_charge, raw_charge, 8, "charge", vectors)) {
        if (!next_vector(file_position, raw_position, 2, "position", vectors)) {
            std::printf("FAIL: tb_data/expected_position.txt ends at vector %ld\n", vectors);
            return 2;
        }
        // A raw integer n stands for n * 2^-F; in a double that is exact up to 53 bits.
        for (size_t i = 0; i < 8; i++)
            port_charge[i] = std::ldexp((double)raw_charge[i], 0);
        ::reference(port_charge, port_position);
        for (size_t i = 0; i < 2; i++) {
            double value = port_position[i].to_double();
            long long got = (long long)std::ldexp(value, 2);
            results << got << (i + 1 < 2 ? " " : "\n");
            compared++;
            if (got == raw_position[i])
                continue;
            if (different++ < 10)
                std::printf("FAIL: vector %ld, position[%zu]: expected %lld, got %lld\n", vectors, i,
                            raw_position[i], got);
        }
        vectors++;
    }
    if (vectors == 0) {
        std::printf("FAIL: no vectors\n");
        return 2;
    }
    std::printf("%s: %ld vectors, %ld integers compared, %ld different\n",
                different ? "FAIL" : "PASS", vectors, compared, different);
    return different ? 1 : 0;
}
