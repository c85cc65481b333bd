"""Mistakes in the fast and exact parts of byte-pair encoding: splitting, learning merges, merging long pieces, files."""

from . import Mistake

PIECE = '''_PIECE = re.compile(" ?(?:L+|N+|o+)|[ s]+(?![^ s])|[ s]+")'''
ENDING = '''_ENDING = re.compile("'(?:s|t|re|ve|m|ll|d)")'''
KIND = 'return category if category in "LN" else "o"'
QUEUE = "queue = [(-count, pair) for pair, count in counts.items()]"

MISTAKES = (
    Mistake("white space is what Python says", 'if character.isspace() and not "\\x1c" <= character <= "\\x1f":', "if character.isspace():"),
    Mistake("letters are ASCII", KIND, 'return category if category in "LN" and character.isascii() else "o"'),
    Mistake("marks are letters", KIND, 'return "L" if category == "M" else category if category in "LN" else "o"'),
    Mistake("numbers are the digits alone", "unicodedata.category(character)[0]", '"N" if character.isdigit() else unicodedata.category(character)[0].replace("N", "o")'),
    Mistake("no blank before a word", PIECE, PIECE.replace('" ?(', '"(')),
    Mistake("the last blank stays with the others", PIECE, PIECE.replace("[ s]+(?![^ s])|", "")),
    Mistake("numbers join words", PIECE, PIECE.replace("L+|N+", "[LN]+")),
    Mistake("white space thrown away", "pieces.append(text[start:end])", "pieces.append(text[start:end].strip() or text[start:end])"),
    Mistake("no endings", ENDING, '_ENDING = re.compile("(?!)")'),
    Mistake("endings in capitals, too", ENDING, ENDING.replace('")', '", re.IGNORECASE)')),
    Mistake("bytes numbered by themselves", "BYTES = _VISIBLE + [byte for byte in range(256) if byte not in _VISIBLE]", "BYTES = list(range(256))"),
    Mistake("characters, not bytes", 'for byte in piece.encode("utf-8")]', 'for byte in piece.encode("latin-1", "replace")]'),
    Mistake("pairs of words counted once a word", "            counts[pair] += count\n", "            counts[pair] += 1\n"),
    Mistake("ties to the larger ids", QUEUE, "queue = [(-count, tuple(-number for number in pair)) for pair, count in counts.items()]"),
    Mistake("the rarest pair first", QUEUE, "queue = [(count, pair) for pair, count in counts.items()]"),
    Mistake("counts out of date", "if counts[pair] != -count:", "if False:"),
    Mistake("pairs that a merge takes away still counted", "changes[before] -= count", "changes[before] -= 0"),
    Mistake("new pairs not counted", "changes[after] += count", "changes[after] += 0"),
    Mistake("words with a new pair not found again", "if new in after:", "if False:"),
    Mistake("words keep their old ids", "words[index] = merged, count\n", "words[index] = word, count\n"),
    Mistake("one merge too few", "len(merges) < num_merges", "len(merges) < num_merges - 1"),
    Mistake("shorter special name first", "key=len, reverse=True", "key=len"),
    Mistake("seen pieces without their blank", "self.seen[piece] = ids", "self.seen[piece] = self.seen[piece.strip()] = ids"),
    Mistake("files with a blank in front of each text", '"add_prefix_space": False', '"add_prefix_space": True'),
    Mistake("merges written last first", "for left, right in tokenizer.merges]", "for left, right in tokenizer.merges[::-1]]"),
    Mistake("a file without its special tokens", '"added_tokens": added', '"added_tokens": []'),
    Mistake("letters of this Python's Unicode alone", "if place >= 0 and code <= _NEWER[place][1]:", "if False:"),
    Mistake("all between new letters are letters", "if place >= 0 and code <= _NEWER[place][1]:", "if place >= 0 and code <= _NEWER[place][1] + 3:"),
    Mistake("long pieces merged from left to right", "heapq.heapify(queue)\n    while queue:", "queue.sort(key=lambda entry: entry[1])\n    while queue:"),
    Mistake("pairs of the queue merged when they are gone", "if right >= len(ids) or made.get((ids[left], ids[right])) != new:", "if right >= len(ids):"),
    Mistake("a merge in a long piece looks to the left alone", "for place in (before[left], left):", "for place in (before[left],):"),
    Mistake("a merge in a long piece looks to the right alone", "for place in (before[left], left):", "for place in (left,):"),
    Mistake("links of a long piece not closed", "        if after[left] < len(ids):\n            before[after[left]] = left\n", ""),
    Mistake("ids of a file ignored", "[self.ids[number] for number in merge(", "[number for number in merge("),
    Mistake("merges written by the ids of a file", "names[ids[left]], names[ids[right]]", "names[left], names[right]"),
    Mistake("ids of a file not read", "return pairs, special, None if ids == list(range(len(ids))) else ids", "return pairs, special, None"),
)
