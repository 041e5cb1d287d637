"""An approved kernel as a package of Hugging Face's `kernels` library.

`approval` says whether a kernel may leave the registry, `package` what the library wants to find, `card` what people
read, `writing` puts it on the disk whole. Nothing of `kernels` is imported here: the layout is files. Tests load them
with the real library.
"""
