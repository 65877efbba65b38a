// How offers look: one sheet for their shadow trees, made by script, so that a page's policy need not allow inline styles.

const SHEET = `
:host{all:initial;display:block}
:host(.top){position:sticky;inset-block-start:0;z-index:2147482000}
*,*::before,*::after{box-sizing:border-box}
.offer{--back:#0b5cad;--text:#fff;display:flex;align-items:center;gap:4px;background:var(--back);color:var(--text);
font:16px/1.4 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
.floats{position:fixed;z-index:2147482000;box-shadow:0 6px 24px rgba(20,30,50,.28);
inset-block-end:calc(20px + var(--raised,0px) + env(safe-area-inset-bottom,0px));max-width:calc(100vw - 40px)}
.bottom-right{right:20px}
.bottom-left{left:20px}
.button{border-radius:30px;width:fit-content;min-height:56px;padding-inline-end:6px}
.banner{gap:16px;padding:16px 20px}
.banner.bottom-right,.banner.bottom-left{flex-wrap:wrap;width:360px;border-radius:16px;padding-inline-end:56px}
.banner.embedded{border-radius:12px;flex-wrap:wrap}
.bottom{inset-inline:0;inset-block-end:0;max-width:none;padding-block-end:calc(16px + env(safe-area-inset-bottom,0px))}
.top,.bottom{justify-content:center}
.top.button,.bottom.button{width:auto;border-radius:0}
.words{min-width:0;overflow-wrap:anywhere}
.top .words,.bottom .words{flex:0 1 auto;max-width:760px}
.embedded .words{flex:1 1 240px}
p{margin:0}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.title{font-weight:650;font-size:17px}
button{font:inherit;color:inherit;cursor:pointer;margin:0}
.main{display:flex;align-items:center;gap:10px;min-height:44px;border:0;background:none;font-weight:600;text-align:start}
.button .main{min-height:56px;padding-block:8px;padding-inline:20px 10px;border-radius:30px}
.banner .main{flex:none;padding:9px 18px;border-radius:10px;background:var(--text);color:var(--back)}
.close{flex:none;display:grid;place-items:center;width:44px;height:44px;padding:0;border:0;border-radius:50%;background:none}
.close:hover,.button .main:hover{background:color-mix(in srgb,var(--text) 14%,transparent)}
.banner .main:hover{filter:brightness(.94)}
.banner.bottom-right .close,.banner.bottom-left .close{position:absolute;inset-block-start:6px;inset-inline-end:6px}
:focus-visible{outline:3px solid var(--text);outline-offset:-5px}
.banner .main:focus-visible{outline-offset:3px}
svg{width:24px;height:24px;fill:currentColor;flex:none}
.close svg{width:20px;height:20px}
@media (prefers-reduced-motion:no-preference){.floats{animation:come .25s ease-out}
@keyframes come{from{opacity:0;transform:translateY(16px)}}}
@media (max-width:600px){.banner.top,.banner.bottom,.banner.embedded{position:relative;flex-wrap:wrap;padding-inline-end:56px;justify-content:flex-start;gap:10px}
.banner.top .close,.banner.bottom .close,.banner.embedded .close{position:absolute;inset-block-start:6px;inset-inline-end:6px}
.banner.bottom{position:fixed}.banner.top .words,.banner.bottom .words,.banner.embedded .words{flex-basis:100%}
.bottom-right{right:16px}.bottom-left{left:16px}
.banner.bottom-right,.banner.bottom-left{width:auto;left:16px;right:16px;max-width:none}}
@media (forced-colors:active){.offer,.main{border:1px solid}}
@media print{.offer{display:none}}
`;

export function applyStyle(root: ShadowRoot): void {
  try {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(SHEET);
    root.adoptedStyleSheets = [sheet];
  } catch {
    const style = document.createElement("style"); // browsers of before 2023
    style.textContent = SHEET;
    root.append(style);
  }
}
