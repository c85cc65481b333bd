"""Small made languages, of which every text can be listed: what the tests of languages run over."""

from shared import languages

REMEMBERED = """
    TEXT = 3: first:NAME and second:NAME : MIDDLE =first , =second .    # in order
         | PLACE MIDDLE .
    MIDDLE = then | 2: so
    NAME = 2: ann | bob | 3: eve
    PLACE = the DOG near | the DOG
    DOG = dog | dogs
"""
AMBIGUOUS = """
    TEXT = HERE THERE .
    HERE = a | a b | 2:
    THERE = b | 3: b b | 2: c
"""
FORGOTTEN = """
    TEXT = one:WORD one:WORD =one . | AGAIN =one . | one:WORD is two:WORD .
    AGAIN = one:WORD two:WORD | one:WORD and
    WORD = x | 4: y | z
"""
EXAMPLE = "\n".join(line for line in languages.__doc__.splitlines() if line.startswith("    "))
BEFORE_AND_AFTER = """
    TEXT = 3: in MONTH ./date | with NAME ./who | 2: MONTH is here/O ./date | NAME sings ./who | may i/O ./ask
    MONTH = 4: may/B-date | june/B-date | next/B-date may/I-date
    NAME = may/B-person | 2: june/B-person | next
"""
UNDECIDED = """
    TEXT = 5: a/X b/Y WHERE !/one | 3: a/Y b WHERE !/two | 2: a b/Y ? | a/X a/O a/Z ?/Z
    WHERE = b/X | 2: b/Z | c/Y
"""
REPEATED = """
    TEXT = first:NAME second:NAME =first ./three | first:NAME is =first ./two | 2: june/B-c ./one
    NAME = may/B-a | 2: may/B-b | 3: june/B-a | june/B-b | may
"""
SMALL = {"remembered": REMEMBERED, "ambiguous": AMBIGUOUS, "forgotten": FORGOTTEN, "example": EXAMPLE}
LABELLED = {"before and after": BEFORE_AND_AFTER, "undecided": UNDECIDED, "repeated": REPEATED}
