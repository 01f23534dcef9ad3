// A pool of threads for loops over independent tasks.
#pragma once

#include <functional>

#include "gpu/kernels/isa.cuh"

namespace blindbook {

// Number of threads that loops use: the hardware's, or BLINDBOOK_THREADS.
usize thread_count();

// Calls body(task, thread) for each task in [0, tasks), thread < thread_count(); returns when all are done. Tasks are
// handed out in ascending order. Loops from several callers follow one another. Exceptions of a body end the program:
// bodies are kernels.
void parallel_for(usize tasks, const std::function<void(usize task, usize thread)>& body);

// Cuts [0, total) into ranges of about `grain` (multiples of `unit`) and calls body(begin, end, thread).
void parallel_ranges(usize total, usize grain, const std::function<void(usize begin, usize end, usize thread)>& body);

}  // namespace blindbook
