// What a browser has and Node has not, for the modules that need it: a document from jsdom. Import this before them.

import { JSDOM } from "jsdom";

const { window } = new JSDOM("<!doctype html><body></body>");
Object.assign(globalThis, { window, document: window.document, Element: window.Element });
