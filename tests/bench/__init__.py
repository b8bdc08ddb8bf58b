"""The benchmarks' plain script as a second opinion on the published numbers."""
