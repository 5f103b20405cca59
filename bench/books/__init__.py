"""The books that benchmarks run on: always the same ones for one size, loaded once, copied for every run."""
