// A page opened from a search begins where one of the words stands first. (Sphinx marks them a moment after the page is there.)
window.addEventListener("load", () => setTimeout(() => {
    const found = [...document.querySelectorAll("article .highlighted")].find(word => !word.closest("details:not([open])"));
    if (!location.hash) found?.scrollIntoView({behavior: "instant", block: "center"});
}, 100));
