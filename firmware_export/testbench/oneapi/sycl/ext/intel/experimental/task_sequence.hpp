#include "../../../sycl.hpp"
