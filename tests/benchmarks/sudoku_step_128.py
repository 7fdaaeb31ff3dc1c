"""Training step at 128 channels, batch 64: model FLOP/s over the rate of a 1024^3 float32 product."""

from _step import main

if __name__ == "__main__":
    main("sudoku_step_128", channels=128, batch=64)
