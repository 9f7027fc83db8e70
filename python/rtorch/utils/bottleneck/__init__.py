"""Where does a program spend its time? `python -m rtorch -m torch.utils.bottleneck script.py [arguments]` runs it under
Python's profiler, again under that of operators, and prints a summary of both (`__main__.py`)."""
