"""What persons do over time: pure state machines, with the time passed in."""
