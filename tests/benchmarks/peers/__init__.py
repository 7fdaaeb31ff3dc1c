"""Oscillo beside installed peers: the same problems, the same answers, timed in turn on two cores.

Threads are chosen when this package is imported, because numpy, torch and jax read them once, when they are imported
themselves.
"""

from __future__ import annotations

import os

THREADS = 2

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, str(THREADS))
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("XLA_FLAGS", f"--xla_force_host_platform_device_count={THREADS}")
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])
