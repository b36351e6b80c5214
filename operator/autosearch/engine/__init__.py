"""What to do next: `plan(snapshot, now)`, a pure, level-triggered function, and the policies it is made of."""
