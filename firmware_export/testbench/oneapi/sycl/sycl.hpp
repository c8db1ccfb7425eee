// Stand-in for SYCL, so that g++ can run the kernels that hls4ml writes for oneAPI.
//
// It has what those kernels use and nothing else: pipes as first-in-first-out queues, a queue that
// runs a task at once, tasks in the order in which they are launched. Arithmetic is not touched:
// it is that of the ac_types beside this file.
#ifndef STAND_IN_SYCL_HPP_
#define STAND_IN_SYCL_HPP_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <exception>
#include <stdexcept>
#include <utility>
#include <vector>

#define SYCL_EXTERNAL

namespace sycl {

using exception_list = std::vector<std::exception_ptr>;
struct exception : std::runtime_error {
    using std::runtime_error::runtime_error;
};

namespace property::queue {
struct enable_profiling {};
} // namespace property::queue

class queue {
  public:
    template <class... Arguments> explicit queue(Arguments &&...) {}
    template <class Name, class Task> void single_task(Task task) { task(); }
    void wait() {}
};

namespace ext::oneapi::experimental {
struct properties_tag {};
template <class... Each> struct properties {
    constexpr explicit properties(Each...) {}
};
template <class... Arguments> int printf(const char *format, Arguments... arguments) {
    return std::printf(format, arguments...);
}
} // namespace ext::oneapi::experimental

namespace ext::intel {
struct selector {};
inline constexpr selector fpga_emulator_selector_v, fpga_simulator_selector_v, fpga_selector_v;

namespace experimental {
template <int Cycles> struct latency_of_ready {};
template <int Cycles> inline constexpr latency_of_ready<Cycles> ready_latency{};
struct streams {};
template <class... Nothing> inline constexpr streams streaming_interface{};
struct pipelines {};
template <class... Nothing> inline constexpr pipelines pipelined{};

template <class Name, class Data, std::int32_t Capacity = 0, class Properties = void, class...>
class pipe {
  public:
    static void write(const Data &data) { waiting().push_back(data); }
    static void write(queue &, const Data &data) { write(data); }
    static Data read() {
        if (waiting().empty()) {
            // On a chip this would wait for ever.
            std::fputs("a pipe is read before it is written\n", stderr);
            std::exit(4);
        }
        Data first = waiting().front();
        waiting().pop_front();
        return first;
    }
    static Data read(queue &) { return read(); }

  private:
    static std::deque<Data> &waiting() {
        static std::deque<Data> values;
        return values;
    }
};

template <auto &Function> class task_sequence {
  public:
    template <class... Arguments> void async(Arguments &&...arguments) {
        Function(std::forward<Arguments>(arguments)...);
    }
    void get() {}
};
} // namespace experimental
} // namespace ext::intel
} // namespace sycl

#endif
