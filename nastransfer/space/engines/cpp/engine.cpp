// The calls that Python makes through ctypes.
#include "backward.h"

extern "C" {
void engine_forward(Call *call) { Phases(*call).forward(); }

void engine_backward(Call *call) { Phases(*call).backward(); }

// Bytes of a row of each table, of a call and of a number: what Python compares with its own before the first call.
i64 engine_sizes(i64 which) {
  const i64 sizes[] = {sizeof(Map),   sizeof(Reading), sizeof(Op),  sizeof(Input),
                       sizeof(Piece), sizeof(Call),    sizeof(real)};
  return which >= 0 && which < 7 ? sizes[which] : 0;
}
}
