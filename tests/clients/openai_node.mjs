// OpenAI's client for Node. Each line it reads is an errand, as JSON; for each it writes lines of JSON, the last of which ends the errand.
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";

const OpenAI = createRequire(join(process.argv[2], "/"))("openai");

const tell = (words) => process.stdout.write(JSON.stringify(words) + "\n");

const errands = {
  async models(client) {
    const names = [];
    for await (const model of client.models.list()) names.push(model.id);
    return { names };
  },
  async chat(client, { persona, message }) {
    const reply = await client.chat.completions.create({ model: persona, messages: [{ role: "user", content: message }] });
    return { text: reply.choices[0].message.content, id: reply.id };
  },
  async stream(client, { persona, message }) {
    let id = null;
    const chunks = await client.chat.completions.create({ model: persona, messages: [{ role: "user", content: message }], stream: true });
    for await (const chunk of chunks) {
      id = chunk.id;
      const piece = chunk.choices[0]?.delta?.content;
      if (piece) tell({ piece });
    }
    return { id };
  },
  async rate(client, { id, body }) {
    return { rating: await client.post(`/chat/completions/${id}/rating`, { body }) };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const errand = JSON.parse(line);
  const client = new OpenAI({ apiKey: errand.key, baseURL: errand.url, maxRetries: 0, timeout: 30_000 });
  try {
    tell({ end: await errands[errand.do](client, errand) });
  } catch (error) {
    tell({ refused: error.message, status: error.status ?? null });
  }
}
