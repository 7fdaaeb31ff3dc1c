"""Training step at 512 channels, batch 16: model FLOP/s over the rate of a 1024^3 float32 product."""

from _step import main

if __name__ == "__main__":
    main("sudoku_step_512", channels=512, batch=16)
