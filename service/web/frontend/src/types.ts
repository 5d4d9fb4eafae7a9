// What crosses the wire, as `service/web/wire.py` writes it. Fields that a service may leave out are optional.

export type Thumb = "up" | "down";
export type State = "open" | "complete" | "cancelled" | "failed" | "interrupted";

export interface Rating {
  rating: Thumb;
  reasons: string[];
  comment: string;
  correction: string | null;
}

export interface Persona {
  name: string;
  title: string;
  greeting: string;
  reasons: Record<Thumb, string[]>;
  notice?: { start?: boolean; hours?: number } | null;
}

/** Help offered beside a reply, when the service sees that somebody may need it. */
export interface Card {
  kind: string;
  title: string;
  text: string;
  links: { label: string; href: string }[];
}

/** Two replies to one message, to choose from: the other one's id, and the order in which they are shown. */
export interface Compare {
  other: string;
  order: string[];
}

export interface Exchange {
  id: string;
  previous: string | null;
  message: string;
  reply: string;
  state: State;
  error: string | null;
  created_at: string;
  rating?: Rating | null;
  card?: Card | null;
  compare?: Compare | null;
  /** Its name on the page, given before the service has named it. */
  key?: string;
}

export interface Conversation {
  id: string;
  token: string;
}
