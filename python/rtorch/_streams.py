"""`torch.Stream` and `torch.Event`: queues of work of an accelerator, and marks in them. There is none here."""

from rtorch._outside import outside_class as _outside_class

Stream = _outside_class("torch.Stream", "there is no accelerator, work of the CPU is done when a call returns")
Event = _outside_class("torch.Event", "there is no accelerator, work of the CPU is done when a call returns")
