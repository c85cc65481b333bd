"""What the exercises of lesson 01 reply to an unknown wrong answer: the first input on which it fails, in words."""


def average(observed, expected, place):
    answer = observed.item()
    if not 4 <= answer <= 16:
        why = "an average of 8, 4 and 16 lies between the smallest and the largest of them, whatever the weights"
    elif answer < 28 / 3:
        why = "the value 16 has the largest score, so the output lies above the plain average of the three values"
    else:
        why = ("the weights are not in the right proportion yet: the score ln 2 must give exactly twice the weight of "
               "the score 0")
    return f"{answer:g} is not right: {why}. hint(\"1.1\") helps"


def weight(observed, expected, place):
    wrong = ((observed - expected).abs() > 0.01).any(dim=1)
    token = int(wrong.int().argmax()) + 1                       # the first that fails, counted from 0
    found, n = int(observed[token - 1].argmax()), observed.shape[1]
    if found == token - 1:
        return (f"for n = {n}, every token should give the previous one at least 0.99; token {token} gives it "
                f"{observed[token - 1, found]:.2f}. Make the gaps between its scores larger")
    return (f"for n = {n}, counted from 0, token {token} attends mostly to token {found}, and should to token "
            f"{token - 1}. If it is always the last: long keys win every dot product")


def standard_deviation(observed, expected, place):
    measured = f"{observed[place]:.3g}"
    return (f"if queries have a standard deviation of 3 and keys one of 0.1, the scores have one of {measured}; "
            "it should be 1",
            f"a key ten times as long changes its own score by {measured} or more; its length should not count",
            f"a score changes by {measured} or more if *other* keys become longer; it may depend on its own pair alone",
            f"queries ten times as long change a score by {measured} or more; their length should not count",
            "each row sums to 1: return the scores, before the softmax")[place[0]]


def mask(observed, expected, place):
    query, key = place
    when = "in the future" if key > query else "itself" if key == query else f"{query - key} back"
    does, should = ("may" if mask[place] else "may not" for mask in (observed, expected))
    n, width = len(expected), int(expected.sum(dim=1).max())
    return f"for n = {n} and width = {width}, your query {query} {does} look at key {key} ({when}); it {should}"


def output(observed, expected, place):
    wrong = ((observed - expected).abs() > 1e-4 * expected.abs().clamp(min=1)).any(dim=1)
    token, n = int(wrong.int().argmax()) + 1, len(expected)
    if token == 1:
        return (f"for n = {n}, the first token already gets a wrong output. It may see only itself, so its output must be "
                "its own value: look at the first row of your mask, and at what is done to the weights after the softmax")
    return (f"for n = {n}, token {token} is the first with a wrong output. The first token sees only itself and is "
            "right, so what differs is how a row shares its weight: which keys are open, and by what the scores are divided")
