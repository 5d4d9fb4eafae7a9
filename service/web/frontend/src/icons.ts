// The few drawings there are, on a grid of 24. Functions, so that a bundle has only those it shows.

import { html } from "lit-html";

const line = (path: string) => html`<svg viewBox="0 0 24 24" aria-hidden="true"><path d=${path} /></svg>`;

export const mark = () => line("M3 14c2.6 0 2.6-8 5.2-8s2.6 12 5.2 12 2.6-7 5.2-7c1.1 0 1.7.9 2.4 2");
export const send = () => line("M12 19V5.5M5.5 12 12 5.5l6.5 6.5");
export const stop = () => line("M8 7h8a1 1 0 0 1 1 1v8a1 1 0 0 1-1 1H8a1 1 0 0 1-1-1V8a1 1 0 0 1 1-1z");
export const down = () => line("M12 5v13.5M5.5 12l6.5 6.5 6.5-6.5");
export const close = () => line("m6 6 12 12M18 6 6 18");
export const fresh = () => line("M11 5H6.5A1.5 1.5 0 0 0 5 6.5v11A1.5 1.5 0 0 0 6.5 19h11a1.5 1.5 0 0 0 1.5-1.5V13M10 14l.6-2.9L18.2 3.5l2.3 2.3-7.6 7.6z");
export const edit = () => line("m4.5 19.5 1-4.2L16.2 4.6a1.5 1.5 0 0 1 2.1 0l1.1 1.1a1.5 1.5 0 0 1 0 2.1L8.7 18.5z");
export const copy = () => line("M11 9h7a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2h-7a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2zM15 9V6a2 2 0 0 0-2-2H6a2 2 0 0 0-2 2v7a2 2 0 0 0 2 2h3");
export const done = () => line("m5 12.5 4.5 4.5L19 7.5");
export const again = () => line("M19.5 12a7.5 7.5 0 1 1-2.3-5.4L19.5 9M19.5 4v5h-5");
export const back = () => line("m14.5 6-6 6 6 6");
export const on = () => line("m9.5 6 6 6-6 6");
export const thumb = () => line("M3.5 10.5h4V20h-4zM7.5 10.5l3.6-6.8c.3-.5.7-.7 1.1-.7 1.2 0 2 1 2 2.2V9h4.3c1.3 0 2.3 1.2 2 2.5l-1.3 6.9c-.2 1-1 1.6-2 1.6H7.5z");
