"""When jobs run whose start moves: bots compute it from the present time, at each refresh anew."""

INTERVALS = {"often": 3, "seldom": 6, "late": 6}
LATENESS_SECONDS = 1.9


def assert_rhythm(bot, job, runs):
    times = [run["time"] for run in runs]
    gaps = [later - earlier for earlier, later in zip(times, times[1:])]
    # A run that was dropped on a busy machine makes a multiple.
    off = [abs(gap / INTERVALS[job] - max(1, round(gap / INTERVALS[job]))) * INTERVALS[job] for gap in gaps]
    assert all(it < LATENESS_SECONDS for it in off), f"{job}: {gaps}\n{bot.last_words()}"


def test_a_job_with_equal_data_keeps_its_rhythm_when_its_start_moves(package, backend, start):
    bot = start(package, "moving.py")
    for job in INTERVALS:
        assert_rhythm(bot, job, bot.wait_for_runs(job, 3))


def test_so_does_one_whose_data_moves_with_it(ours, backend, start):
    bot = start(ours, "moving.py", DATA="moves")
    for job in INTERVALS:
        assert_rhythm(bot, job, bot.wait_for_runs(job, 3))
