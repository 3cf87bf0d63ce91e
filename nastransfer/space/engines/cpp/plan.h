// The plan of a network or supernet, as Python writes it (plan.py): tables of maps, readings, operations and weights.
//
// All members are 64-bit; Python's tables are arrays of the same rows. Addresses are numbers, 0 where there is nothing.
// Who owns what: Python owns every table and all memory that an address or pointer leads to, for as long as a call
// lasts (what the backward call needs, from the forward call on). C++ owns only a thread's scratch, for one call.
#pragma once
#include "vectors.h"

enum Kind : i64 { UNIT, GATHER, MAX_POOL, AVERAGE_POOL, SUM, STEM, COPY, PART, HALVE, SHUFFLE };

// What an operation does in this call.
enum Flag : i64 { FORWARD = 1, WEIGHT_GRADIENT = 2, SOURCE_GRADIENT = 4, MIX_GRADIENT = 8 };

struct Map {
  i64 channels, height, width;
  i64 value, gradient;             // of the first image: [height][width][channels]; gradient of the normalised value
  i64 value_step, gradient_step;   // numbers from one image to the next
  i64 by_thread;                   // evaluation: one image a thread, overwritten by its next
  i64 begun;                       // backward: the caller has written its gradient
  i64 statistics;                  // first channel among means and deviations; -1: there is no norm behind this map
  i64 first_reading, readings;     // readings lie side by side; operations read a normed map through the first
};

enum ReadingKind : i64 { BARE, NORMED, IDENTITY };

// Readings of a node; a supernet's last node has 5 sources by 7 operations. Python checks it (tables.py).
constexpr i64 MOST_TERMS = 64;

// A map as one reader sees it: weight * drop-path mask * (scale * map + shift).
struct Reading {
  i64 map, kind;
  i64 reader;                      // the map whose gradient this reading receives
  i64 channel;                     // first channel among scales and shifts
  i64 mix, keep;                   // its weight among `mix`, its row of drop-path masks; -1: 1
  i64 active, sums;                // read in this call; whether the backward call needs the norm's sums
  i64 gamma, beta, gamma_gradient, beta_gradient;
  i64 running_mean, running_var, tracked;
};

struct Op {
  i64 kind, target, kernel, dilation, stride;
  i64 channel;                     // PART: first one taken
  i64 weights;                     // first of its weights
  i64 first, count;                // its inputs: maps, for SUM and COPY readings
  i64 flags;
};

// An input of an operation. add: the gradient of that map is begun already (found by the backward call).
struct Input {
  i64 index, add;
};

// A parameter [rows][mid][inner] of the module, and where it lies in the engine's order [inner][mid][rows].
struct Piece {
  i64 address, gradient, offset, rows, mid, inner, op;
};

struct Call {
  i64 images, threads, pad, training;
  i64 maps, readings, pieces, weights, statistics, channels, mixes;
  i64 forward_phases, backward_phases;
  Map *map;
  Reading *reading;
  Op *op;
  Input *input;
  Piece *piece;
  const i64 *forward_start, *forward_order;       // operations of each phase
  const i64 *backward_start, *backward_order;
  const i64 *sums_start, *sums_order;             // readings whose gradient is complete after each backward phase
  const real *mix, *keep;                         // keep: [row][image]
  real *theta;                                    // all weights, in the engine's order
  real *mean, *rstd;                              // of each map with statistics
  real *gamma, *beta, *scale, *shift;             // of each reading
  real *flipped;                                  // backward: kernels flipped, pointwise weights as [outputs][inputs]
  real *behind;                                   // backward: k1, k2, k3 of each reading (norms.h)
  double *mix_gradient;
  double momentum, epsilon;
};
