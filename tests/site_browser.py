"""What is wrong with a page as a browser shows it: each script yields one line a problem."""

import contextlib

import jupyter
from playwright.sync_api import sync_playwright

OPEN_ALL = "() => document.querySelectorAll('article details').forEach(details => details.open = true)"

FORMULAS = """() => [...document.querySelectorAll('article math')].filter(formula => {
    const box = formula.getBoundingClientRect();
    return getComputedStyle(formula).display.includes('math') && box.width > 1 && box.height > 1 && !formula.querySelector('merror');
}).length"""

RAW_FORMULAS = """() => {
    const walker = document.createTreeWalker(document.querySelector('article'), NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode()) {
        const node = walker.currentNode;
        if (!node.parentElement.closest('pre, code, math, script, style') && /\\$|\\\\[([]|\\\\[a-zA-Z]+/.test(node.data))
            found.push('raw formula: ' + node.data.trim().slice(0, 80));
    }
    return found;
}"""

# The page itself must not scroll sideways, and nothing may be cut off: what is wide scrolls in a box of its own.
TOO_WIDE = """() => {
    const width = document.documentElement.clientWidth;
    const found = [];
    if (document.documentElement.scrollWidth > width) found.push(`the page is ${document.documentElement.scrollWidth} wide`);
    const boxed = element => element && element.tagName != 'ARTICLE'
        && (['auto', 'scroll'].includes(getComputedStyle(element).overflowX) || boxed(element.parentElement));
    for (const element of document.querySelectorAll('article *')) {
        const box = element.getBoundingClientRect();
        if (box.width > 1 && box.right > width + 1 && !boxed(element.parentElement))
            found.push(`<${element.tagName.toLowerCase()} class="${element.className}"> ends at ${Math.round(box.right)}`);
    }
    return found.slice(0, 5);
}"""

# Contrast as WCAG 2 defines it, of every text that is seen, against the backgrounds that lie behind it.
FAINT = """least => {
    const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
    const known = new Map();
    const rgba = colour => {
        if (!known.has(colour)) {
            canvas.clearRect(0, 0, 1, 1);
            canvas.fillStyle = colour;
            canvas.fillRect(0, 0, 1, 1);
            const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
            known.set(colour, [r, g, b, a / 255]);
        }
        return known.get(colour);
    };
    const over = (top, below) => [0, 1, 2].map(i => top[3] * top[i] + (1 - top[3]) * below[i]).concat(1);
    const background = element => {
        if (!element) return rgba('Canvas');
        const own = rgba(getComputedStyle(element).backgroundColor);
        return own[3] == 1 ? own : over(own, background(element.parentElement));
    };
    const light = colour => {
        const [r, g, b] = colour.map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const found = new Map();
    let seen = 0;
    for (const element of document.querySelectorAll('article *, .sidebar-tree *, .toc-tree *')) {
        const text = [...element.childNodes].filter(node => node.nodeType == Node.TEXT_NODE).map(node => node.data).join('').trim();
        const style = getComputedStyle(element);
        if (!text || !element.getClientRects().length || style.visibility != 'visible' || style.opacity == 0) continue;
        seen += 1;
        const behind = background(element);
        const ink = over([...rgba(style.color).slice(0, 3), rgba(style.color)[3] * style.opacity], behind);
        const [low, high] = [light(ink), light(behind)].sort((a, b) => a - b);
        const contrast = (high + 0.05) / (low + 0.05);
        const what = `${element.tagName.toLowerCase()}.${element.className} ${style.color}`;
        if (contrast < least && !found.has(what)) found.set(what, `${what}: contrast ${contrast.toFixed(2)}, "${text.slice(0, 40)}"`);
    }
    return seen ? [...found.values()] : ['there is no text'];
}"""


@contextlib.contextmanager
def opener():
    """Gives a function that opens a file in a browser without a network, and returns the page and the list of its problems."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=jupyter.browser(), args=list(jupyter.FLAGS))
        context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)

        def go(path):
            page = context.new_page()
            page.set_default_timeout(10_000)
            problems = []
            page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.on("requestfailed", lambda request: problems.append(f"failed: {request.url}"))
            page.on("request", lambda request: problems.append(f"asked for {request.url}")
                    if not request.url.startswith(("file:", "data:", "blob:")) else None)
            page.goto(path.as_uri())
            return page, problems

        yield go
        browser.close()
