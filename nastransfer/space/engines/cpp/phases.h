// Runs a plan as phases. In a phase each thread takes its images one by one and runs all of the phase's operations on
// one image; between phases only the sums of norms are finished, because a norm needs the whole batch:
//
//   a mixed cell forward    1  both inputs: ReLU, 1x1                                     | norms of the inputs
//                           2  from both inputs: first halves, dilated, pools, (skips)    | their norms
//                           3  second halves                                              | their norms
//                           4  node 2 = weighted sum; from node 2: first halves, ...      | their norms
//                           5  second halves from node 2                                  | ... and so on to node 5
//   backward                the same from the end: a node's gradient is complete, the norms that it reads get their
//                           sums, one phase later second halves, dilated and pools hand it on, then first halves
//
// In evaluation no norm waits for anything: there is one phase, and a map lives as long as a thread's image.
#pragma once
#include "gathers.h"
#include "moves.h"
#include "nodes.h"
#include "units.h"

// OpenMP's own entry points, of the runtime that torch has loaded: any compiler can build this, with or without OpenMP.
extern "C" {
int omp_get_thread_num();
int omp_get_num_threads();
void GOMP_parallel(void (*function)(void *), void *data, unsigned threads, unsigned flags);
}

class Phases {
 public:
  explicit Phases(Call &call) : call_(call), scratch_(call.threads) {}
  void forward();
  void backward();

 private:
  Call &call_;
  std::vector<Scratch> scratch_;
  bool reversed_ = false;

  template <class F> void parallel(F f) {
    GOMP_parallel([](void *p) { (*static_cast<F *>(p))(); }, &f, unsigned(call_.threads), 0);
  }
  // f(image operations, scratch) for all images, each thread its share. Every other time from the last to the first:
  // what was touched last is still in the cache.
  template <class F> void images(F f) {
    const bool reversed = reversed_;
    reversed_ = !reversed_;
    parallel([&] {
      i64 thread = omp_get_thread_num(), threads = omp_get_num_threads();
      i64 low = call_.images * thread / threads, high = call_.images * (thread + 1) / threads;
      for (i64 i = low; i < high; i++) f(Image(call_, reversed ? high - 1 - (i - low) : i, thread, scratch_[thread]));
    });
  }
  // f(low, high) over parts of a range.
  template <class F> void ranges(i64 count, F f) {
    parallel([&] {
      i64 thread = omp_get_thread_num(), threads = omp_get_num_threads();
      f(count * thread / threads, count * (thread + 1) / threads);
    });
  }
  template <class F> void backward_ops(i64 phase, F f) {
    for (i64 i = call_.backward_start[phase]; i < call_.backward_start[phase + 1]; i++) {
      Op &op = call_.op[call_.backward_order[i]];
      if (op.flags & (WEIGHT_GRADIENT | SOURCE_GRADIENT | MIX_GRADIENT)) f(op);
    }
  }

  void prepare(i64 sums);
  void pack();
  void flip();
  void unpack();
  void constant_readings();
  void running_readings();
  void finish_map(const Map &map);
  void finish_gradient(const Reading &reading);
  void mark_begun();
  double mix_of(const Reading &r) const { return r.mix < 0 ? 1.0 : double(call_.mix[r.mix]); }
  void set_scale(const Reading &reading, const Map &map, i64 c, double mean, double rstd);
};

inline void Phases::prepare(i64 sums) {
  i64 largest = 0, gathered = 0;
  for (i64 i = 0; i < call_.maps; i++) {
    const Map &m = call_.map[i];
    largest = std::max(largest, (m.height + 2) * (m.width + 2) * std::max<i64>(m.channels, 4));
    gathered = std::max(gathered, (m.width + 64) * std::max(4 * m.channels, STEM_INPUTS));
  }
  // All are prepared, also where OpenMP gives fewer threads than asked for (OMP_THREAD_LIMIT, OMP_DYNAMIC).
  ranges(call_.threads, [&](i64 low, i64 high) {
    for (i64 i = low; i < high; i++) {
      Scratch &s = scratch_[i];
      s.z.reserve(gathered);
      s.behind.reserve(largest);
      s.plain.reserve(largest);
      s.pivot.reserve(call_.statistics);
      s.s1.assign(sums, 0.0);
      s.s2.assign(sums, 0.0);
      s.counted.assign(call_.statistics, 0);
    }
  });
}

inline void Phases::pack() {
  ranges(call_.pieces, [&](i64 low, i64 high) {
    for (i64 i = low; i < high; i++) {
      const Piece &p = call_.piece[i];
      const real *from = (const real *)p.address;
      real *to = call_.theta + p.offset;
      for (i64 r = 0; r < p.rows; r++)
        for (i64 m = 0; m < p.mid; m++)
          for (i64 t = 0; t < p.inner; t++) to[(t * p.mid + m) * p.rows + r] = from[(r * p.mid + m) * p.inner + t];
      if (p.mid == 3 && p.inner == 9) std::fill_n(to + 27 * p.rows, p.rows, real(0));
    }
  });
  ranges(call_.readings, [&](i64 low, i64 high) {
    for (i64 i = low; i < high; i++) {
      const Reading &r = call_.reading[i];
      i64 c = call_.map[r.map].channels;
      if (r.kind != NORMED) continue;
      if (r.gamma) std::copy_n((const real *)r.gamma, c, call_.gamma + r.channel);
      else std::fill_n(call_.gamma + r.channel, c, real(1));
      if (r.beta) std::copy_n((const real *)r.beta, c, call_.beta + r.channel);
      else std::fill_n(call_.beta + r.channel, c, real(0));
    }
  });
}

// Readings of maps without a norm: scale is the weight alone.
inline void Phases::constant_readings() {
  for (i64 i = 0; i < call_.readings; i++) {
    const Reading &r = call_.reading[i];
    const Map &map = call_.map[r.map];
    if (map.statistics >= 0) continue;
    std::fill_n(call_.scale + r.channel, map.channels, real(mix_of(r)));
    std::fill_n(call_.shift + r.channel, map.channels, real(0));
  }
}

inline void Phases::set_scale(const Reading &r, const Map &map, i64 c, double mean, double rstd) {
  if (r.kind == IDENTITY) {
    i64 own = call_.reading[map.first_reading].channel;
    call_.scale[r.channel + c] = real(mix_of(r) * call_.scale[own + c]);
    call_.shift[r.channel + c] = real(mix_of(r) * call_.shift[own + c]);
    return;
  }
  double gamma = call_.gamma[r.channel + c], beta = call_.beta[r.channel + c];
  call_.scale[r.channel + c] = real(mix_of(r) * gamma * rstd);
  call_.shift[r.channel + c] = real(mix_of(r) * (beta - gamma * rstd * mean));
}

// Mean and deviation of a map from its threads' sums, the running ones, and the scales of all that read it.
inline void Phases::finish_map(const Map &map) {
  const double count = double(call_.images) * map.height * map.width;
  for (i64 c = 0; c < map.channels; c++) {
    const i64 at = map.statistics + c;
    double mean = 0, squares = 0;
    for (Scratch &s : scratch_)
      if (s.counted[map.statistics]) mean += s.s1[at] + double(s.counted[map.statistics]) * s.pivot.data()[at];
    mean /= count;
    for (Scratch &s : scratch_) {
      const double n = double(s.counted[map.statistics]);
      if (n == 0) continue;
      const double off = s.s1[at] / n, own = s.pivot.data()[at] + off - mean;
      squares += s.s2[at] - n * off * off + n * own * own;
    }
    const double variance = std::max(squares / count, 0.0), rstd = 1 / std::sqrt(variance + call_.epsilon);
    call_.mean[at] = real(mean);
    call_.rstd[at] = real(rstd);
    for (i64 i = map.first_reading; i < map.first_reading + map.readings; i++) {
      const Reading &r = call_.reading[i];
      if (!r.active) continue;
      set_scale(r, map, c, mean, rstd);
      if (!r.running_mean) continue;
      real &running_mean = ((real *)r.running_mean)[c], &running_variance = ((real *)r.running_var)[c];
      running_mean += real(call_.momentum * (mean - running_mean));
      running_variance += real(call_.momentum * (variance * count / (count - 1) - running_variance));
    }
  }
  for (i64 i = map.first_reading; i < map.first_reading + map.readings; i++)
    if (call_.reading[i].active && call_.reading[i].tracked) ++*(i64 *)call_.reading[i].tracked;
}

// Evaluation: all scales are known from the running statistics.
inline void Phases::running_readings() {
  for (i64 i = 0; i < call_.readings; i++) {
    const Reading &r = call_.reading[i];
    const Map &map = call_.map[r.map];
    if (map.statistics < 0 || !r.active) continue;
    for (i64 c = 0; c < map.channels; c++) {
      bool own = r.kind == NORMED;
      double mean = own ? ((const real *)r.running_mean)[c] : 0, variance = own ? ((const real *)r.running_var)[c] : 0;
      set_scale(r, map, c, mean, 1 / std::sqrt(variance + call_.epsilon));
    }
  }
}

inline void Phases::forward() {
  prepare(call_.statistics);
  pack();
  constant_readings();
  if (!call_.training) {
    running_readings();
    images([&](Image image) {
      for (i64 i = 0; i < call_.forward_start[call_.forward_phases]; i++) {
        const Op &op = call_.op[call_.forward_order[i]];
        if (op.flags & FORWARD) image.forward(op);
      }
    });
    return;
  }
  for (i64 phase = 0; phase < call_.forward_phases; phase++) {
    const i64 low = call_.forward_start[phase], high = call_.forward_start[phase + 1];
    images([&](Image image) {
      for (i64 i = low; i < high; i++) {
        const Op &op = call_.op[call_.forward_order[i]];
        if (op.flags & FORWARD) image.forward(op);
      }
    });
    for (i64 i = low; i < high; i++) {
      const Op &op = call_.op[call_.forward_order[i]];
      if (op.flags & FORWARD && call_.map[op.target].statistics >= 0) finish_map(call_.map[op.target]);
    }
  }
}
