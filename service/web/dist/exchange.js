// One message with its reply, as shown. Text from people and models only ever enters as text nodes.

export class ExchangeView {
  constructor({ message, variant, title }) {
    const article = document.getElementById("exchange-template").content.cloneNode(true).firstElementChild;
    this.element = article;
    this.message = message;
    this.variant = variant;
    this.title = title;
    this.id = null;
    this.reply = article.querySelector(".reply");
    this.text = this.reply.querySelector(".text").appendChild(new Text());
    this.state = article.querySelector(".state");
    article.querySelector(".said").textContent = message;
    article.querySelector(".message").hidden = variant;
    article.querySelector(".label").hidden = !variant;
    article.querySelector(".speaker").textContent = `${title}: `;
  }

  get replied() {
    return this.text.data;
  }

  /** The reply is being written; nothing of it has to be there yet. */
  writing() {
    this.element.classList.add("writing");
    this.say(this.replied ? "" : `${this.title} is writing…`);
  }

  /** Begin the reply anew, before a stream that is read from its start. */
  clear() {
    this.text.data = "";
  }

  append(text) {
    if (!this.state.hidden) this.say("");
    this.text.appendData(text);
  }

  /** The reply ended well. */
  finish(version) {
    this.element.classList.remove("writing");
    this.say(this.replied ? "" : `${this.title} had nothing to say.`);
    if (version) this.reply.title = `Answered by version ${version}`;
  }

  /**
   * The reply did not end well; `label` and `action` are the way out. `again`: the way out is another answer, which only
   * the last exchange can have; `why` is what the service says about it.
   */
  end(words, label, action, { again = false, why = "" } = {}) {
    this.element.classList.remove("writing");
    this.state.title = why;
    this.state.querySelector("button").classList.toggle("again", again);
    this.say(words, label, action);
  }

  /** A line below the reply, with or without a button; empty words take it away. */
  say(words, label = "", action = null) {
    const button = this.state.querySelector("button");
    this.state.hidden = !words;
    this.state.firstElementChild.textContent = words;
    button.hidden = !action;
    button.textContent = label;
    button.onclick = action;
  }

  /** Put the controls of the rating below the reply. */
  rate(control) {
    this.element.append(control);
  }

  remove() {
    this.element.remove();
  }
}
