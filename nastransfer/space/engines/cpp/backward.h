// The backward call: which gradients are begun already, the phases from the last to the first, the sums of norms, and
// the weights' gradients of all threads together.
#pragma once
#include "phases.h"

// Kernels flipped, pointwise weights as [outputs][inputs].
inline void Phases::flip() {
  auto transpose = [](const real *from, i64 rows, i64 columns, real *to) {
    for (i64 i = 0; i < rows; i++)
      for (i64 j = 0; j < columns; j++) to[j * rows + i] = from[i * columns + j];
  };
  const i64 ops = call_.backward_start[call_.backward_phases];
  ranges(ops, [&](i64 low, i64 high) {
    for (i64 i = low; i < high; i++) {
      const Op &op = call_.op[call_.backward_order[i]];
      if (op.kind != UNIT && op.kind != GATHER) continue;
      const i64 outputs = call_.map[op.target].channels;
      const real *from = call_.theta + op.weights;
      real *to = call_.flipped + op.weights;
      if (op.kind == UNIT) {
        const i64 taps = op.kernel * op.kernel;
        for (i64 t = 0; t < taps; t++) std::copy_n(from + (taps - 1 - t) * outputs, outputs, to + t * outputs);
        transpose(from + taps * outputs, outputs, outputs, to + taps * outputs);
      } else {
        const i64 inputs = op.count * call_.map[call_.input[op.first].index].channels, part = outputs / op.stride;
        for (i64 t = 0; t < op.stride; t++) transpose(from + t * inputs * part, inputs, part, to + t * inputs * part);
      }
    }
  });
}

// In the order of the operations, whether the gradient of an input is begun by an earlier one or by the caller.
inline void Phases::mark_begun() {
  std::vector<char> begun(call_.maps, 0);
  for (i64 i = 0; i < call_.maps; i++) begun[i] = call_.map[i].begun != 0;
  for (i64 phase = 0; phase < call_.backward_phases; phase++)
    backward_ops(phase, [&](Op &op) {
      if (!(op.flags & SOURCE_GRADIENT)) return;
      for (i64 i = op.first; i < op.first + op.count; i++) {
        Input &input = call_.input[i];
        const i64 map = op.kind == COPY ? call_.reading[input.index].map : input.index;
        input.add = begun[map];
        begun[map] = 1;
      }
    });
}

// From the sums of g and g * (y - mean): the norm's own gradients, and k1, k2, k3 of what goes on behind it.
inline void Phases::finish_gradient(const Reading &r) {
  const Map &map = call_.map[r.map];
  const double count = double(call_.images) * map.height * map.width, mix = mix_of(r);
  real *k1 = call_.behind + r.channel, *k2 = k1 + call_.channels, *k3 = k2 + call_.channels;
  double mix_gradient = 0;
  for (i64 c = 0; c < map.channels; c++) {
    double s1 = 0, s2 = 0;
    for (Scratch &s : scratch_) s1 += s.s1[r.channel + c], s2 += s.s2[r.channel + c];
    const double gamma = call_.gamma[r.channel + c], beta = call_.beta[r.channel + c];
    const double mean = call_.mean[map.statistics + c], rstd = call_.rstd[map.statistics + c];
    const double along = s2 * rstd;                       // sum of g * normalised value
    mix_gradient += gamma * along + beta * s1;
    if (r.gamma_gradient) ((real *)r.gamma_gradient)[c] = real(mix * along);
    if (r.beta_gradient) ((real *)r.beta_gradient)[c] = real(mix * s1);
    const double scale = mix * gamma * rstd, slope = -scale * rstd * along / count;
    k1[c] = real(scale);
    k2[c] = real(slope);
    k3[c] = real(-scale * s1 / count - slope * mean);
  }
  if (r.mix >= 0 && call_.mix_gradient) call_.mix_gradient[r.mix] += mix_gradient;
}

// The threads' gradients added up, in the order of the module's parameters.
inline void Phases::unpack() {
  ranges(call_.pieces, [&](i64 low, i64 high) {
    for (i64 i = low; i < high; i++) {
      const Piece &p = call_.piece[i];
      if (!p.gradient) continue;
      real *to = (real *)p.gradient;
      for (i64 r = 0; r < p.rows; r++)
        for (i64 m = 0; m < p.mid; m++)
          for (i64 t = 0; t < p.inner; t++) {
            real sum = 0;
            for (Scratch &s : scratch_) sum += s.weights.data()[p.offset + (t * p.mid + m) * p.rows + r];
            to[(r * p.mid + m) * p.inner + t] = sum;
          }
    }
  });
}

inline void Phases::backward() {
  prepare(call_.channels);
  mark_begun();
  flip();
  for (Scratch &s : scratch_) {
    s.weights.reserve(call_.weights);
    s.mix.assign(call_.mixes, 0.0);
    std::fill_n(s.weights.data(), call_.weights, real(0));
  }
  for (i64 i = 0; i < call_.readings; i++) {
    const Reading &r = call_.reading[i];
    if (r.kind != BARE) continue;
    const i64 c = call_.map[r.map].channels;
    std::fill_n(call_.behind + r.channel, c, real(mix_of(r)));
    for (int k = 1; k < 3; k++) std::fill_n(call_.behind + k * call_.channels + r.channel, c, real(0));
  }
  for (i64 phase = 0; phase < call_.backward_phases; phase++) {
    const i64 low = call_.sums_start[phase], high = call_.sums_start[phase + 1];
    images([&](Image image) {
      backward_ops(phase, [&](const Op &op) { image.backward(op); });
      for (i64 i = low; i < high; i++)
        if (call_.reading[call_.sums_order[i]].sums) image.norm_sums(call_.reading[call_.sums_order[i]]);
    });
    for (i64 i = low; i < high; i++)
      if (call_.reading[call_.sums_order[i]].sums) finish_gradient(call_.reading[call_.sums_order[i]]);
  }
  unpack();
  if (call_.mix_gradient)
    for (Scratch &s : scratch_)
      for (i64 i = 0; i < call_.mixes; i++) call_.mix_gradient[i] += s.mix[i];
}
