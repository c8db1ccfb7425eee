#include "../../sycl.hpp"
