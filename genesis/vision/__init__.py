"""Finding persons in pictures: arrays in, plain data out. Knows nothing of streams, tasks or databases."""
