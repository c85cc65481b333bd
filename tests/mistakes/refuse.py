"""Mistakes in what is refused: a check that is missing, too weak or too strict."""

from . import Mistake

MISTAKES = (
    Mistake("queries and keys of different widths", "if query.size(-1) != key.size(-1) or query.size(-1) == 0:", "if query.size(-1) == 0:"),
    Mistake("keys and values of different lengths", "    if key.size(-2) != value.size(-2):", "    if False:"),
    Mistake("a mask of integers", "mask.dtype != torch.bool and not mask.is_floating_point()", "False"),
    Mistake("a mask that is broadcast to more scores than there are", "mask.dim() > len(shape) or any(", "any("),
    Mistake("a mask (B, T, S) taken for (H, T, S)", "mask.dim() not in (2, 4)", "mask.dim() not in (2, 3, 4)"),
    Mistake("num_heads need not divide d_model", "    if d_model % num_heads:", "    if False:"),
    Mistake("is_causal with more queries than keys", "if is_causal and query.size(1) > S:", "if False:"),
    Mistake("what a cache holds is not counted", 'S = key.size(1) + getattr(cache, "length", 0)', "S = key.size(1)"),
    Mistake("more queries than keys in a scheme", "if query.size(-2) > key.size(-2):", "if False:"),
    Mistake("a scheme for other heads", "query.size(-3) != num_heads", "False"),
    Mistake("added: the end of the table is not checked", "offset < 0 or offset + x.size(-2) > table.max_seq_len", "offset < 0"),
    Mistake("added: the last position is refused", "offset + x.size(-2) > table.max_seq_len", "offset + x.size(-2) >= table.max_seq_len"),
    Mistake("an odd head is turned", "    if d_head % 2:", "    if False:"),
    Mistake("a missing memory not noticed", "if (memory is None) == (block.cross_attention is not None):", "if memory is not None and block.cross_attention is None:"),
    Mistake("a memory too many not noticed", "if (memory is None) == (block.cross_attention is not None):",
            "if memory is None and block.cross_attention is not None:"),
    Mistake("an id one too large", "found[1] >= vocab_size", "found[1] > vocab_size"),
    Mistake("a negative id", "found[0] < 0 or found[1] >= vocab_size", "found[1] >= vocab_size"),
    Mistake("numbers other than 0 and 1 in a mask of real tokens", "found[0] < 0 or found[1] > 1", "False"),
    Mistake("a mask of real tokens of another shape", "if mask.shape != torch.Size(shape):", "if mask.dim() != len(shape):"),
    Mistake("an option that no block has is ignored", "    if unknown:", "    if False:"),
    Mistake("True is an integer", "isinstance(number, (Integral, torch.SymInt)) and not isinstance(number, bool)", "isinstance(number, (Integral, torch.SymInt))"),
    Mistake("NumPy's integers are none", "isinstance(number, (Integral, torch.SymInt))", "isinstance(number, (int, torch.SymInt))"),
    Mistake("values are looked at in FakeTensorMode", "isinstance(tensor, FakeTensor) or ", ""),
    Mistake("values are looked at within vmap", "    except (RuntimeError, TypeError):\n        return None", "    except ZeroDivisionError:\n        return None"),
    Mistake("values are never looked at", "found = lowest.item(), highest.item()", "return None"),
    Mistake("dropout of 1", "0.0 <= probability < 1.0", "0.0 <= probability <= 1.0"),
    Mistake("different tensors for tied names", "equal = not found or found[0] == 1", "equal = True"),
)
