"""Reading cameras and recordings into the pipeline: sources, pacing, and what becomes of a frame nobody can take.

`python -m genesis.capture` is the program, `genesis.capture.runner.run` the same from Python. Nothing is
imported here, so that the program answers `--help` at once and stays small.
"""
