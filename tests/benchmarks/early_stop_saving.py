"""Steps that early stop saves on boards of the kind the network was trained on, and answers that it changes."""

from __future__ import annotations

import json

from _votes import STEPS, evaluated

BOARDS = 1000


def main() -> None:
    """Print the numbers and, last, JSON lines."""
    whole_s, whole, _ = evaluated(BOARDS, BOARDS)
    stopped_s, stopped, metrics = evaluated(BOARDS, BOARDS, early_stop={"compare": 0})
    different = (whole["prediction"] != stopped["prediction"]).reshape(BOARDS, -1).any(axis=1).mean()
    print(
        f"{BOARDS} boards, {STEPS} steps: {metrics['steps_taken']:.1f} taken on average,"
        f" {metrics['settled']:.4f} settled;"
        f" solved {whole['correct'].mean():.4f} and {stopped['correct'].mean():.4f} with early stop;"
        f" {whole_s:.1f} s and {stopped_s:.1f} s, compilation included"
    )
    print(
        json.dumps({"name": "early_stop_saving_different", "value": round(float(different), 5), "unit": "of answers"})
    )
    print(json.dumps({"name": "early_stop_saving", "value": round(metrics["steps_saved"], 4), "unit": "of steps"}))


if __name__ == "__main__":
    main()
