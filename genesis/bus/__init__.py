"""The way of an event: published to a stream, dispatched by a bridge, run in a task, settled or buried."""
