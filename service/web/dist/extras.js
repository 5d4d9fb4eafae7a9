var h=".panel{display:grid;gap:20px;margin-block-start:8px;padding:20px;border:1px solid var(--line);border-radius:var(--radius);background:var(--raised)}.panel legend,.field>span{display:block;margin-block-end:8px;font-size:var(--small);font-weight:500;line-height:20px}.chips{display:flex;flex-wrap:wrap;gap:8px}.chip{position:relative;cursor:pointer}.chip span{display:block;padding-inline:12px;border:1px solid var(--line);border-radius:22px;font-size:var(--small);line-height:calc(var(--target) - 2px);transition:background-color var(--quick),border-color var(--quick)}.chip:hover span{border-color:var(--edge)}.chip input:checked+span{border-color:var(--accent);background:var(--accent-tint);color:var(--accent);font-weight:500}.chip input:focus-visible+span{outline:2px solid var(--accent);outline-offset:2px}.field{display:block}.field textarea{display:block;width:100%;max-height:200px;padding:8px 12px;border:1px solid var(--edge);border-radius:10px;background:var(--paper);resize:vertical;field-sizing:content}.field textarea:focus-visible{outline-offset:-1px}.field .voice{font:400 1em/1.5 var(--voice)}.choice{margin-block-start:16px}.choice p{margin-block-end:8px;font-size:var(--small);font-weight:500}.chosen{display:flex;align-items:center;gap:8px;min-height:max(36px,var(--target));padding:0 12px 0 16px;border:1px solid var(--line);border-radius:10px;background:var(--raised);font-size:calc(var(--size) * .9375)}.chosen:hover{border-color:var(--accent)}kbd{padding:0 6px;border-radius:5px;background:var(--tint);color:var(--muted);font:500 calc(var(--size) * .75)/20px var(--plain)}@container (max-width: 480px){.panel{padding:16px}}";function w({html:i,nothing:l}){function b(o,t,a){let{words:e,language:p,persona:d}=o,u=a.rating==="down",r=d.reasons?.[a.rating]??[],c=()=>o.tell(null,!0),g=n=>{n.preventDefault(),o.rate(t,v(n.target,a,t.reply)),c()},m=n=>{n.key!=="Escape"||n.isComposing||(n.stopPropagation(),c())},f=n=>i`<label class="chip">
      <input type="checkbox" name="reason" value=${n} ?checked=${a.reasons.includes(n)} /><span>${p.reason(n)}</span>
    </label>`;return i`<form class="panel" part="panel" aria-label=${e("about")} @submit=${g} @keydown=${m}>
      ${r.length?i`<fieldset><legend>${e(u?"what_bad":"what_good")}</legend><div class="chips">${r.map(f)}</div></fieldset>`:l}
      <label class="field"><span>${e("anything")}</span>
        <textarea name="comment" rows="1" dir="auto" maxlength="2000" placeholder=${e("optional")} .defaultValue=${a.comment}></textarea></label>
      ${u?i`<label class="field"><span>${e("should_have")}</span>
            <textarea name="correction" class="voice" rows="2" dir="auto" .defaultValue=${a.correction??t.reply}></textarea></label>`:l}
      <div class="buttons">
        <button type="submit" class="primary">${e("save")}</button>
        <button type="button" class="secondary" @click=${c}>${e("not_now")}</button>
      </div>
    </form>`}function s(o){let{words:t,chat:a}=o,e=r=>{a.prefer(r).catch(()=>{}).finally(()=>a.endCompare())},[p,d]=a.compare?.order??[],u=r=>{let c={a:p,b:d,e:null}[r.key.toLowerCase()];c===void 0||r.ctrlKey||r.metaKey||r.altKey||(r.preventDefault(),e(c))};return i`<div class="choice" role="group" aria-label=${t("compare")} @keydown=${u}>
      <p>${t("compare")}</p>
      <div class="buttons">
        <button type="button" class="chosen" @click=${()=>e(p)}>${t("compare_first")}<kbd aria-hidden="true">A</kbd></button>
        <button type="button" class="chosen" @click=${()=>e(d)}>${t("compare_second")}<kbd aria-hidden="true">B</kbd></button>
        <button type="button" class="chosen" @click=${()=>e(null)}>${t("compare_equal")}<kbd aria-hidden="true">E</kbd></button>
        <button type="button" class="secondary" @click=${()=>a.endCompare()}>${t("compare_skip")}</button>
      </div>
    </div>`}return{panel:b,compare:s}}function v(i,{rating:l},b){let s=new FormData(i),o=String(s.get("correction")??"").trim();return{rating:l,reasons:s.getAll("reason").map(String),comment:String(s.get("comment")??"").trim(),correction:o&&o!==b.trim()?o:null}}export{w as createExtras,h as css};
