// lit-html for the parts that are loaded later: the element's own, so that nothing is loaded twice.

const { html, nothing } = (customElements.get("attune-chat") as unknown as { kit: typeof import("lit-html") }).kit;

export { html, nothing };
