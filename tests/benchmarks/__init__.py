"""Benchmarks, run by `make bench` and never collected as tests: our parts against PyTorch's, interleaved in one process."""
