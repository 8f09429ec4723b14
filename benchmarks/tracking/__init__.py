"""How well persons are followed, on footage whose truth is known: `python -m benchmarks.tracking FOLDER_OR_VIDEO`."""
