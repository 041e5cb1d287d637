"""The measurement: operators, cases, oracle and judge on the host; `runners.inside` goes into the container."""
