// The two calls that Python makes through ctypes. They return 0, or 1 when memory ran out.
#include "backward.h"

template <class F> static int guarded(F f) {
  try {
    f();
    return 0;
  } catch (const std::bad_alloc &) {
    return 1;
  }
}

extern "C" {
int engine_forward(Call *call) {
  return guarded([&] { Phases(*call).forward(); });
}
int engine_backward(Call *call) {
  return guarded([&] { Phases(*call).backward(); });
}
i64 engine_sizes(i64 which) {
  const i64 sizes[] = {sizeof(Map), sizeof(Reading), sizeof(Op), sizeof(Input), sizeof(Piece), sizeof(Call), sizeof(real)};
  return which < 7 ? sizes[which] : 0;
}
}
