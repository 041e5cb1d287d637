"""The boundary: runs a program in isolation under limits, and knows nothing of kernels."""
